"""End to end: no-op jobs a second by slots and executors, with a backlog; what each costs in CPU; memory under load."""
import asyncio

from arithmetic import difference, rate
from processes import NotPossible, children_of
from readings import memory_kb, proportional_kb

WARM_UP = 1.0


class Throughput:
    name = 'throughput'

    def __init__(self, system, figures, plan):
        self.system = system
        self.figures = figures
        self.plan = plan
        self._guess = 1500.0  # jobs a second: how large a backlog must be

    async def run(self):
        await self.system.start_distributor()
        await self._submissions()
        for executors, slots, isolation in self.plan.throughput:
            try:
                await self._one(executors, slots, isolation)
            except (NotPossible, OSError) as reason:
                self.figures.failed(f'{executors} executors of {slots} slots, {isolation}', str(reason))
                await self.system.stop_executors()

    async def _submissions(self):
        jobs = self.plan.submitted
        commits = {row['rows_per_commit']: row['value'] for row in self.figures.of('store_commit', what='insert')}
        single = await self.system.tool('job_load', '--port', self.system.api_port, '--jobs', jobs, '--connections', 32,
                                        '--target', 'bench/single')
        self.figures.add('submission', how='single, 32 connections', value=single[0]['jobs_per_second'], unit='jobs/s',
                         ceiling=commits.get(32), ceiling_is='raw commits of 32 rows', p99_ms=single[0]['p99_ms'])
        told = await self.system.submit(4 * jobs, 'bench/array')
        array = self.system.array
        if array:
            self.figures.add('submission', how=f'arrays of {array}, 2 connections', value=told['jobs_per_second'],
                             unit='jobs/s', ceiling=commits.get(array), ceiling_is=f'raw commits of {array} rows',
                             p99_ms=told['p99_ms'])
        else:
            self.figures.failed('submission by arrays', 'this job-api takes no arrays of jobs')

    async def _fill(self, jobs):
        missing = jobs - await self.system.waiting()
        if missing > 0:
            await self.system.submit(int(missing), 'bench/backlog')

    async def _one(self, executors, slots, isolation):
        system, seconds = self.system, self.plan.window
        await self._fill(self._guess * (seconds + WARM_UP + 1.5) * 1.3)
        await system.start_executors(executors, slots, shared=isolation == 'shared')
        loop = asyncio.get_running_loop()
        await asyncio.sleep(WARM_UP)
        cpu, begun = system.cpu(), loop.time()
        samples = []
        while True:
            samples.append((loop.time() - begun, await system.done()))
            if samples[-1][0] >= seconds:
                break
            await asyncio.sleep(0.2)
        spent = difference(system.cpu(), cpu)
        if slots == self.plan.memory_slots and executors == 1:
            self._memory(f'under load, {slots} slots, {isolation}')
        per_second, jobs = rate(samples), samples[-1][1] - samples[0][1]
        left = await system.waiting()
        await system.stop_executors()
        self._guess = max(self._guess, per_second)
        members = {} if left else {'note': 'the backlog ran out; the rate is that until then'}
        self.figures.add('end_to_end', executors=executors, slots=slots, isolation=isolation, value=per_second,
                         unit='jobs/s', jobs=int(jobs), cpus_busy=sum(spent.values()) / samples[-1][0],
                         **self._ceiling(executors * slots), **members)
        if jobs and executors == 1:
            for program, used in spent.items():
                self.figures.add('cpu_per_job', program=program, slots=slots, isolation=isolation,
                                 value=used * 1e6 / jobs, unit='us')

    def _ceiling(self, jobs_at_a_time):
        """A job that runs is written twice, RUNNING and its outcome; what waits at the same time shares a commit."""
        rows = [row for row in self.figures.of('store_commit', what='update') if row['rows_per_commit'] <= jobs_at_a_time]
        if not rows:
            return {}
        return {'ceiling': rows[-1]['value'] / 2, 'ceiling_is': f'raw commits of {rows[-1]["rows_per_commit"]} rows'}

    def _memory(self, when):
        members = [('job-executor', self.system.executors[0].pid), ('job-api', self.system.api.pid),
                   ('job-distributor', self.system.distributor.pid), ('zookeeper', self.system.zookeeper.pid)]
        for program, pid in members:
            self.figures.add('memory', program=program, when=when, value=memory_kb(pid) / 1024, unit='MB RSS')
        hosts = children_of(self.system.executors[0].pid)
        if hosts:
            shares = [proportional_kb(pid) for pid in hosts]
            self.figures.add('memory', program='job-action-host', when=when, value=sum(shares) / len(shares) / 1024,
                             unit='MB PSS', processes=len(hosts))
