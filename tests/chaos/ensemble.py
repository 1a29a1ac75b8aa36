"""Three ZooKeeper servers of Debian's package, as one ensemble on the loopback."""
import asyncio
import os

from processes import NotPossible, Program, environment_without_settings

JAR = '/usr/share/java/zookeeper.jar'

LOGGING = '''log4j.rootLogger=INFO, out
log4j.appender.out=org.apache.log4j.ConsoleAppender
log4j.appender.out.layout=org.apache.log4j.PatternLayout
log4j.appender.out.layout.ConversionPattern=%d{ISO8601} %-5p %c{1} %m%n
'''


async def ask(port, word, seconds=1.0):
    """The answer to one of ZooKeeper's four-letter words; '' without one."""
    async def talk():
        reader, writer = await asyncio.open_connection('127.0.0.1', port)
        try:
            writer.write(word.encode())
            return (await reader.read()).decode(errors='replace')
        finally:
            writer.close()
    try:
        return await asyncio.wait_for(talk(), seconds)
    except (OSError, asyncio.TimeoutError):
        return ''


def write(folder, name, text):
    with open(os.path.join(folder, name), 'w', encoding='ascii') as file:
        file.write(text)


def server_program(folder, number, settings, java_options, restart_after):
    """A server with files in `folder`/zookeeper-`number`; `settings`: further lines of its zoo.cfg."""
    if not os.path.exists(JAR):
        raise NotPossible(f'ZooKeeper is not installed: {JAR} is missing (Debian package libzookeeper-java)')
    home = os.path.join(folder, f'zookeeper-{number}')
    os.makedirs(os.path.join(home, 'data'))
    write(home, 'data/myid', f'{number}\n')
    write(home, 'log4j.properties', LOGGING)
    write(home, 'zoo.cfg', '\n'.join([f'dataDir={home}/data', 'clientPortAddress=127.0.0.1', 'maxClientCnxns=0',
                                      'admin.enableServer=false', '4lw.commands.whitelist=ruok,srvr,mntr,cons',
                                      *settings]) + '\n')
    command = ['java', *java_options, '-Dzookeeper.jmx.log4j.disable=true',
               f'-Dlog4j.configuration=file:{home}/log4j.properties', '-cp', JAR,
               'org.apache.zookeeper.server.quorum.QuorumPeerMain', f'{home}/zoo.cfg']
    log = os.path.join(folder, f'zookeeper-{number}.log')
    return Program(f'zookeeper-{number}', command, log, environment_without_settings(), restart_after)


class Ensemble:
    def __init__(self, folder, ports, restart_after, tick_ms=500, size=3):
        self.ports = [ports.one() for _ in range(size)]
        peers = [f'server.{number}=127.0.0.1:{ports.one()}:{ports.one()}' for number in range(1, size + 1)]
        self.servers = [
            server_program(folder, number, [f'tickTime={tick_ms}', 'initLimit=20', 'syncLimit=6',
                                            f'clientPort={port}', 'forceSync=no', *peers],
                           ['-Xmx256m', '-XX:+UseSerialGC', '-XX:TieredStopAtLevel=1'], restart_after)
            for number, port in enumerate(self.ports, 1)]

    @property
    def hosts(self):
        return ','.join(f'127.0.0.1:{port}' for port in self.ports)

    def start(self):
        for server in self.servers:
            server.start()

    async def roles(self):
        """'leader', 'follower' or '' of each server."""
        answers = await asyncio.gather(*(ask(port, 'srvr') for port in self.ports))
        return [next((line.split()[1] for line in answer.splitlines() if line.startswith('Mode: ')), '')
                for answer in answers]

    async def whole(self, seconds):
        """Whether all servers serve, one of them leading, within that time."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            roles = await self.roles()
            if roles.count('leader') == 1 and roles.count('follower') == len(roles) - 1:
                return True
            if asyncio.get_running_loop().time() > deadline:
                return False
            await asyncio.sleep(0.2)
