"""A whole system under measurement: ZooKeeper, job-api, a distributor, executors; each a real process on free ports."""
import asyncio
import json
import os
import urllib.parse

from ensemble import ask, server_program
from http_client import ADMINISTRATOR, request
from processes import NotPossible, Program, environment_without_settings
from readings import cpu_with_children, parsed_metrics

PASSWORD = 'measured-with-care'
ACTION = 'dummy_test_action'
DONE = 'jobengine_executor_runs_total{result="success"}'


class Member:
    """An engine's program and the port where it tells of itself."""

    def __init__(self, program, telemetry):
        self.program = program
        self.telemetry = telemetry

    @property
    def pid(self):
        return self.program.pid

    async def ready(self):
        try:
            return (await request(self.telemetry, 'GET', '/readyz', seconds=5)).status == 200
        except (OSError, ValueError):
            return False

    async def metrics(self):
        answer = await request(self.telemetry, 'GET', '/metrics', seconds=20)
        return parsed_metrics(answer.body.decode())


class System:
    def __init__(self, folder, build, ports, number=1):
        self.folder = folder
        self.build = build
        self.ports = ports
        self.number = number
        self.zookeeper = None
        self.zookeeper_port = ports.one()
        self.api = None
        self.api_port = ports.one()
        self.distributor = None
        self.executors = []
        self.array = None  # jobs a request of a bulk submission; 0: the API has none
        self._names = 0

    @property
    def hosts(self):
        return f'127.0.0.1:{self.zookeeper_port}'

    def path(self, name):
        return os.path.join(self.folder, name)

    async def start_zookeeper(self):
        """Debian's package with the defaults of the JVM, and every transaction synced to disk."""
        self.zookeeper = server_program(self.folder, self.number, ['tickTime=2000', f'clientPort={self.zookeeper_port}'],
                                        ['-Xmx1g'], None)
        self.zookeeper.start()
        await self._until('ZooKeeper', self.zookeeper, self._zookeeper_serves, 60)

    async def warm_up(self, seconds):
        """A JVM's first seconds are spent on compiling, and no server in use is in them. Leaves an empty queue."""
        await self.tool('queue_bench', 'raw', '--hosts', self.hosts, '--batch', 2, '--lanes', 32, '--seconds', seconds)

    async def _zookeeper_serves(self):
        return await ask(self.zookeeper_port, 'ruok') == 'imok'

    async def start_api(self, database='job-api.sqlite'):
        self.api = self._member('job-api', ['--listen', f'127.0.0.1:{self.api_port}', '--trust-authn-header',
                                            '--database', self.path(database)])
        await self._until('job-api', self.api.program, self.api.ready, 60)

    async def start_distributor(self):
        if self.distributor:
            return
        self.distributor = self._member('job-distributor', self._to_the_api())
        await self._until('job-distributor', self.distributor.program, self.distributor.ready, 30)

    async def start_executors(self, count, slots, shared, seconds=60):
        arguments = [*self._to_the_api(), '--slots', str(slots), '--drain-timeout', '5s']
        if shared:
            arguments += ['--shared-actions', 'all']
        started = [self._member('job-executor', arguments) for _ in range(count)]
        self.executors += started
        for member in started:
            await self._until('job-executor', member.program, member.ready, seconds)
        return started

    async def stop_executors(self):
        await asyncio.gather(*(member.program.end('stopped', 15) for member in self.executors))
        self.executors = []

    async def stop(self):
        await self.stop_executors()
        for member in (self.distributor, self.api):
            if member:
                await member.program.end('stopped', 15)
        if self.zookeeper:
            await self.zookeeper.end('stopped', 10)
        self.distributor = self.api = self.zookeeper = None

    def kill_now(self):
        for program in [*(member.program for member in [*self.executors, self.distributor, self.api] if member),
                        self.zookeeper]:
            if program:
                program.kill_now()

    def _to_the_api(self):
        return ['--api-url', f'http://127.0.0.1:{self.api_port}', '--api-user', 'admin']

    def _member(self, program, arguments):
        self._names += 1
        telemetry = self.ports.one()
        command = [os.path.join(self.build, 'bin', program), '--zk-hosts', self.hosts, '--log-level', 'WARNING',
                   '--telemetry-port', str(telemetry), '--name', f'{program}-{self._names}', *arguments]
        environment = environment_without_settings(JOB_API_ADMIN_PASSWORD=PASSWORD, JOB_API_PASS=PASSWORD)
        started = Program(program, command, self.path(f'{program}.log'), environment, None)
        started.start()
        return Member(started, telemetry)

    async def _until(self, name, program, serves, seconds):
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while not await serves():
            if not program.running or loop.time() > deadline:
                with open(program.log, encoding='utf-8', errors='replace') as log:
                    raise NotPossible(f'{name} does not come up; the end of its log: {log.read()[-1000:]}')
            await asyncio.sleep(0.05)

    # ---- load

    async def tool(self, name, *arguments, seconds=300):
        """The JSON lines of a program of tests/bench."""
        process = await asyncio.create_subprocess_exec(
            'setpriv', '--pdeathsig', 'KILL', os.path.join(self.build, 'tests', name), *map(str, arguments),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE)
        try:
            out, complaints = await asyncio.wait_for(process.communicate(), seconds)
        except asyncio.TimeoutError as late:
            process.kill()
            await process.wait()
            raise NotPossible(f'{name} {" ".join(map(str, arguments))}: not done within {seconds} s') from late
        if process.returncode != 0:
            raise NotPossible(complaints.decode(errors='replace').strip() or f'{name} ended with {process.returncode}')
        return [json.loads(line) for line in out.decode().splitlines()]

    async def _array_size(self):
        """What one request may carry; asked with an array of one."""
        if self.array is None:
            answer = await request(self.api_port, 'POST', '/api/job', [self.job('bench/array', 0, 900)], ADMINISTRATOR)
            self.array = 500 if answer.status == 201 else 0
        return self.array

    @staticmethod
    def job(target, duration, priority):
        return {'action': ACTION, 'payload': json.dumps({'duration': duration}), 'target-resource': {'href': target},
                'priority': priority}

    async def submit(self, jobs, target, duration=0, priority=900, seconds=300):
        """As fast as it goes; by arrays where the API takes them. What job_load says. Jobs that take time take from half to one
        and a half times `duration`: they should not end in step."""
        array = await self._array_size()
        told, = await self.tool('job_load', '--port', self.api_port, '--jobs', jobs, '--array', array, '--connections',
                                2 if array else 32, '--target', target, '--duration', duration, '--spread', 0.5,
                                '--priority', priority, seconds=seconds)
        if told['refused']:
            raise NotPossible(f'{told["refused"]} submissions were refused: {told.get("refusal")}')
        return told

    async def submit_evenly(self, jobs, rate, target, priority=900):
        told, = await self.tool('job_load', '--port', self.api_port, '--jobs', jobs, '--rate', rate, '--connections', 64,
                                '--target', target, '--priority', priority)
        if told['refused']:
            raise NotPossible(f'{told["refused"]} submissions were refused: {told.get("refusal")}')
        return told

    async def done(self):
        """Jobs that the present executors have recorded as done."""
        metrics = await asyncio.gather(*(member.metrics() for member in self.executors))
        return sum(one.get(DONE, 0) for one in metrics)

    async def count(self, condition):
        query = urllib.parse.urlencode({'last': 0, 'filter': condition})
        answer = await request(self.api_port, 'GET', f'/api/job?{query}', headers=ADMINISTRATOR, seconds=60)
        return answer.document['count']

    async def jobs_of(self, target):
        query = urllib.parse.urlencode({'last': 10000, 'filter': f"target-resource/href='{target}'",
                                        'select': 'created,started,state'})
        answer = await request(self.api_port, 'GET', f'/api/job?{query}', headers=ADMINISTRATOR, seconds=60)
        return answer.document['resources']

    async def all_of(self, target, jobs, seconds):
        """Waits until so many jobs of a target are done; how many are."""
        deadline = asyncio.get_running_loop().time() + seconds
        while True:
            done = await self.count(f"target-resource/href='{target}' and state='SUCCESS'")
            if done >= jobs or asyncio.get_running_loop().time() > deadline:
                return done
            await asyncio.sleep(0.1)

    async def waiting(self):
        return await self.count("state='QUEUED'")

    def cpu(self):
        """Seconds so far, by program; action hosts are counted with their executor."""
        found = {'zookeeper': cpu_with_children(self.zookeeper.pid), 'job-api': cpu_with_children(self.api.pid),
                 'job-executor': sum(cpu_with_children(member.pid) for member in self.executors)}
        if self.distributor:
            found['job-distributor'] = cpu_with_children(self.distributor.pid)
        return found
