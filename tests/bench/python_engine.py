"""Nuvla's Python engine on the same job-api and the same ZooKeeper: one executor process, as many jobs at a time as it does."""
import asyncio
import os
import sys

from arithmetic import rate
from processes import NotPossible, Program, environment_without_settings
from readings import cpu_with_children, memory_kb
from system import PASSWORD

HERE = os.path.dirname(os.path.abspath(__file__))
WAITING = 1500


class PythonEngine:
    name = 'python'

    def __init__(self, system, figures, plan, options):
        self.system = system
        self.figures = figures
        self.plan = plan
        self.sources = [options.python_engine, options.python_api]

    async def run(self):
        if None in self.sources:
            raise NotPossible('--python-engine and --python-api do not say where its sources are')
        sources = [self._source(folder) for folder in self.sources]
        system, plan = self.system, self.plan
        jobs = WAITING if plan.python_seconds > 5 else WAITING // 5
        target = 'bench/python'
        await system.submit(jobs, target)
        executor = Program('python', [sys.executable, os.path.join(HERE, 'python_executor.py'), *sources, '--zk-hosts',
                                      system.hosts, '--api-url', f'http://127.0.0.1:{system.api_port}', '--api-user',
                                      'admin', '--api-pass', PASSWORD, '--log-level', 'WARNING'],
                           system.path('python.log'),
                           environment_without_settings(JOB_ENGINE_VERSION='5', PYTHONDONTWRITEBYTECODE='1'), None)
        executor.start()
        try:
            await self._first_job(executor, target)
            await self._measure(executor, target)
        finally:
            executor.kill_now()  # its SIGTERM waits for 5 s
            await executor.ended(10)

    @staticmethod
    def _source(folder):
        """The folder that holds the package `nuvla`."""
        for below in ('', 'code/src', 'src'):
            path = os.path.join(os.path.abspath(folder), below)
            if os.path.isdir(os.path.join(path, 'nuvla')):
                return path
        raise NotPossible(f'{folder} holds no package nuvla')

    async def _done(self, target):
        return await self.system.count(f"target-resource/href='{target}' and state='SUCCESS'")

    async def _first_job(self, executor, target):
        deadline = asyncio.get_running_loop().time() + 30
        while not await self._done(target):
            if not executor.running or asyncio.get_running_loop().time() > deadline:
                with open(executor.log, encoding='utf-8', errors='replace') as log:
                    raise NotPossible(f'the Python executor does no job; the end of its log: {log.read()[-800:]}')
            await asyncio.sleep(0.1)

    async def _measure(self, executor, target):
        loop = asyncio.get_running_loop()
        begun, cpu, samples = loop.time(), cpu_with_children(executor.pid), []
        while not samples or samples[-1][0] < self.plan.python_seconds:
            samples.append((loop.time() - begun, await self._done(target)))
            await asyncio.sleep(0.25)
        per_second, jobs = rate(samples), samples[-1][1] - samples[0][1]
        spent = cpu_with_children(executor.pid) - cpu
        self.figures.add('python_engine', what='jobs/s of one executor process', value=per_second, unit='jobs/s', jobs=jobs,
                         cpu_us_per_job=spent * 1e6 / max(1, jobs), memory_mb=memory_kb(executor.pid) / 1024)
        ours = max((row['value'] for row in self.figures.of('end_to_end', executors=1)), default=0)
        if per_second and ours:
            self.figures.add('python_engine', what='the best of one executor process of ours, against it',
                             value=ours / per_second, unit='ours / theirs')
