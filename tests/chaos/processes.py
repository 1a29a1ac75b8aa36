"""Programs under supervision: started, killed, stopped, started again, and ended by process id whatever happens."""
import asyncio
import os
import random
import signal
import socket
import subprocess
import time

LEASE_PASSED = 'was stopped beyond its lease'


def boot_time():
    """Seconds of the clock that the oracle's lines bear."""
    return time.clock_gettime(time.CLOCK_BOOTTIME)


class NotPossible(Exception):
    """The campaign cannot be held here; the text says why."""


class FreePorts:
    """Ports of the loopback below those the kernel gives to outgoing connections: a program that is started again finds
    its port free. A file lock would not keep strangers away either; two campaigns differ by their process id."""

    def __init__(self):
        self._random = random.Random(os.getpid())
        self._given = set()

    def one(self):
        for _ in range(2000):
            port = self._random.randrange(15000, 32000)
            if port in self._given:
                continue
            with socket.socket() as probe:
                probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
                try:
                    probe.bind(('127.0.0.1', port))
                except OSError:
                    continue
            self._given.add(port)
            return port
        raise NotPossible('no free port of the loopback')


class Program:
    """One program that is kept running: what ends is started again after `restart_after()` seconds, unless it is held.
    With None for `restart_after` it is not.

    deaths: (boot time, exit code or -signal, why) of every end; `why` is what this harness did, '' when it did nothing.
    """

    def __init__(self, name, command, log, environment=None, restart_after=lambda: 0.5):
        self.name = name
        self.command = command
        self.log = log
        self.environment = environment
        self.restart_after = restart_after
        self.process = None
        self.stopped = False      # by SIGSTOP
        self.held = True          # not started again
        self.deaths = []
        self.starts = []
        self._why = ''
        self._ended = asyncio.Event()
        self._restart = None

    @property
    def pid(self):
        return self.process.pid if self.process else 0

    @property
    def running(self):
        return self.process is not None

    def start(self):
        """setpriv: it dies with this harness, even when that is killed."""
        assert self.process is None, self.name
        self.held = False
        self.stopped = False
        self._why = ''
        self._ended.clear()
        with open(self.log, 'ab') as log:
            self.process = subprocess.Popen(
                ['setpriv', '--pdeathsig', 'KILL', *self.command], env=self.environment, stdin=subprocess.DEVNULL,
                stdout=log, stderr=log, start_new_session=True)
        self.starts.append(boot_time())
        descriptor = os.pidfd_open(self.process.pid)
        asyncio.get_running_loop().add_reader(descriptor, self._on_end, descriptor)

    def _on_end(self, descriptor):
        died = boot_time()
        asyncio.get_running_loop().remove_reader(descriptor)
        os.close(descriptor)
        code = self.process.wait()
        # The fence of a shared action: the kernel ends a stopped process, too, when its lease passes.
        why = self._why or (LEASE_PASSED if self.stopped and code == -signal.SIGKILL else '')
        self.deaths.append((died, code, why))
        self.process = None
        self.stopped = False
        self._ended.set()
        if not self.held and self.restart_after is not None:
            self._restart = asyncio.get_running_loop().call_later(self.restart_after(), self._start_again)

    def _start_again(self):
        if not self.held and self.process is None:
            self.start()

    def signal(self, number, why=''):
        if self.process is None:
            return False
        if why:
            self._why = why
        self.process.send_signal(number)
        if number == signal.SIGSTOP:
            self.stopped = True
        elif number == signal.SIGCONT:
            self.stopped = False
        return True

    async def ended(self, seconds):
        """Whether it has ended within that time."""
        try:
            await asyncio.wait_for(self._ended.wait(), seconds)
            return True
        except asyncio.TimeoutError:
            return False

    async def end(self, why, seconds):
        """SIGTERM; SIGKILL when that does not end it. Returns its code; None: it had to be killed or did not run."""
        self.held = True
        if not self.signal(signal.SIGTERM, why):
            return None
        if self.stopped:
            self.signal(signal.SIGCONT)
        if await self.ended(seconds):
            return self.deaths[-1][1]
        self.signal(signal.SIGKILL, why + ', did not end')
        await self.ended(10)
        return None

    def kill_now(self):
        """For the very end, whatever is going on."""
        self.held = True
        if self.process is not None:
            self._why = self._why or 'end of the campaign'
            self.process.kill()


def children_of(pid):
    try:
        with open(f'/proc/{pid}/task/{pid}/children', encoding='ascii') as file:
            return [int(word) for word in file.read().split()]
    except (FileNotFoundError, ProcessLookupError):
        return []


def send(pid, number):
    """A signal to a process that is not a child of ours; whether it was there."""
    try:
        os.kill(pid, number)
        return True
    except ProcessLookupError:
        return False


def environment_without_settings(**further):
    """This process's, without what would set an option of the engine's programs."""
    kept = {key: value for key, value in os.environ.items() if not key.startswith('JOB_')}
    return {**kept, **further}
