"""The engine under fire: job-api, distributors and executors, each behind links of its own."""
import asyncio
import json
import os
import subprocess

from api_link import ApiLink
from http_client import request
from links import Link
from processes import Program, environment_without_settings

PASSWORD = 'secret-of-the-campaign'
TICKS = 'chaos_tick'
TICK_SECONDS = 3
SESSION_SECONDS = 5
GRACE_SECONDS = 8  # of the queue keeper: longer than a session
OWN_EXIT_CODES = {'executor': {5}}  # a shared action outlived its lease: it ends itself


class SteppedClock:
    """The time of day of one program, by Debian's libfaketime; its monotonic clocks stay as they are."""
    LIBRARY = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'

    def __init__(self, file):
        self._file = file
        self.installed = os.path.exists(self.LIBRARY)
        self.step(0)

    def step(self, seconds):
        with open(self._file, 'w', encoding='ascii') as file:
            file.write(f'{seconds:+d}\n')

    def expect_to_fit(self, program, environment):
        """Sanitizers want to come first."""
        self.installed = self.installed and subprocess.run(
            [program, '--version'], env={**environment, **self.environment()}, capture_output=True).returncode == 0

    def environment(self):
        return {} if not self.installed else {
            'LD_PRELOAD': self.LIBRARY, 'FAKETIME_TIMESTAMP_FILE': self._file, 'FAKETIME_DONT_FAKE_MONOTONIC': '1',
            'FAKETIME_CACHE_DURATION': '1', 'FAKETIME_DONT_RESET': '1'}


class Member:
    """A program with what belongs to it."""

    def __init__(self, kind, program, telemetry, zookeeper, api):
        self.kind = kind
        self.program = program
        self.telemetry = telemetry
        self.zookeeper = zookeeper  # its link to the ensemble
        self.api = api              # its link to job-api; None for job-api itself

    @property
    def name(self):
        return self.program.name

    async def ready(self):
        if not self.program.running or self.program.stopped:
            return False
        try:
            return (await request(self.telemetry, 'GET', '/readyz', seconds=2)).status == 200
        except (OSError, ValueError):
            return False


class Engine:
    def __init__(self, folder, programs, plugins, ensemble, ports, random, options):
        self.folder = folder
        self.programs = programs  # the folder they are in
        self.plugins = plugins
        self.ensemble = ensemble
        self.ports = ports
        self.random = random
        self.options = options
        self.changes = []         # what ApiLinks saw
        self.oracle = os.path.join(folder, 'oracle')
        self.members = []
        self.submission = None    # the harness's own link to job-api
        # Of the last executor: what is put in front of the C library should not be in all of them.
        self.clock = SteppedClock(os.path.join(folder, 'clock'))

    @property
    def api(self):
        return self.of('api')[0]

    def of(self, kind):
        return [member for member in self.members if member.kind == kind]

    @property
    def links(self):
        found = [link for member in self.members for link in (member.zookeeper, member.api) if link]
        return found + ([self.submission] if self.submission else [])

    def restart_after(self):
        return self.random.uniform(0.2, 2.0)

    async def prepare(self):
        open(self.oracle, 'wb').close()
        for name in ('database', 'tmp', 'state'):
            os.makedirs(os.path.join(self.folder, name), exist_ok=True)
        with open(os.path.join(self.folder, 'distributor.yaml'), 'w', encoding='utf-8') as file:
            file.write(self._distributions())
        self.api_port = self.ports.one()
        await self._add('api', 'job-api', 1, self._api_arguments)
        await self._add('distributor', 'job-distributor', 2, self._distributor_arguments)
        await self._add('executor', 'job-executor', self.options.executors, self._executor_arguments)
        self.submission = await self._api_link('submission')

    def _distributions(self):
        job = {'action': 'chaos_oracle', 'payload': {'oracle': self.oracle, 'ms': 30}, 'priority': 200}
        return f'''distributions:
  queue_keeper: {{ every: 3s, grace: {GRACE_SECONDS}s }}
  cleanup_jobs: {{ enabled: false }}
  monitor_bulk_job: {{ enabled: false }}
  {TICKS}:
    every: {TICK_SECONDS}s
    overlap: allow
    misfire: all
    job: {json.dumps(job)}
'''

    async def _api_link(self, name):
        link = ApiLink(f'{name} to the API', [self.api_port], self.changes, self.random)
        await link.start(self.ports)
        return link

    async def _add(self, kind, program, count, arguments):
        path = os.path.join(self.programs, program)
        known = subprocess.run([path, '--help'], capture_output=True, text=True, check=True).stdout
        for number in range(1, count + 1):
            name = kind if kind == 'api' else f'{kind}-{number}'
            zookeeper = Link(f'{name} to ZooKeeper', self.ensemble.ports)
            await zookeeper.start(self.ports)
            api = None if kind == 'api' else await self._api_link(name)
            telemetry = self.ports.one()
            command = [path, '--name', name, '--zk-hosts', *zookeeper.hosts.split(','),
                       '--zk-session-timeout', f'{SESSION_SECONDS}s', '--log-format', 'text',
                       '--log-level', self.options.log_level, '--telemetry-port', str(telemetry)]
            if api is not None:
                command += ['--api-url', f'http://127.0.0.1:{api.ports[0]}', '--api-user', 'admin',
                            '--api-timeout', '5s']
            command += arguments(name, known)
            environment = environment_without_settings(
                JOB_API_PASS=PASSWORD, JOB_API_ADMIN_PASSWORD=PASSWORD, TMPDIR=os.path.join(self.folder, 'tmp'))
            if kind == 'executor' and number == count:
                self.clock.expect_to_fit(path, environment)
                environment.update(self.clock.environment())
            log = os.path.join(self.folder, f'{name}.log')
            started = Program(name, command, log, environment, self.restart_after)
            self.members.append(Member(kind, started, telemetry, zookeeper, api))

    def _api_arguments(self, _name, _known):
        return ['--listen', f'127.0.0.1:{self.api_port}', '--trust-authn-header',
                '--database', os.path.join(self.folder, 'database', 'job-api.sqlite')]

    def _distributor_arguments(self, _name, _known):
        return ['--config', os.path.join(self.folder, 'distributor.yaml')]

    def _executor_arguments(self, name, known):
        arguments = ['--slots', str(self.options.slots), '--actions-dir', self.plugins,
                     '--shared-actions', 'chaos_shared', '--drain-timeout', '3s', '--stop-grace', '1s',
                     '--kill-grace', '1s']
        if '--state-dir' in known:
            state = os.path.join(self.folder, 'state', name)
            os.makedirs(state, exist_ok=True)
            arguments += ['--state-dir', state]
        if '--max-attempts' in known:
            arguments += ['--max-attempts', '50']  # a campaign has more faults than a life
        return arguments

    def start(self):
        for member in self.members:
            member.program.start()

    async def settled(self, seconds):
        """Names of those that are not ready within that time."""
        loop = asyncio.get_running_loop()
        deadline = loop.time() + seconds
        while True:
            ready = await asyncio.gather(*(member.ready() for member in self.members))
            missing = [member.name for member, is_ready in zip(self.members, ready) if not is_ready]
            if not missing or loop.time() > deadline:
                return missing
            await asyncio.sleep(0.2)
