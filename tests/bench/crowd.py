"""What ZooKeeper has to do for a job as takers become more: requests, watch events, payload bytes of all connections.

Counted at the server: requests and answers by its own counters (`mntr`), bytes by the kernel, for each of its sockets. All
connections stay open from the first reading to the second."""
import asyncio
import json
import os

from arithmetic import difference, spread
from processes import NotPossible
from readings import zookeeper_traffic


class Crowd:
    name = 'crowd'

    def __init__(self, system, figures, plan):
        self.system = system
        self.figures = figures
        self.plan = plan

    async def run(self):
        """Real executors first, then queues alone, whose CPU does not hide what the protocol costs."""
        plan = self.plan
        for executors in plan.crowd:
            await self.system.start_executors(executors - len(self.system.executors), 2, shared=True, seconds=120)
            try:
                await self._executors(executors)
            except (NotPossible, OSError) as reason:
                self.figures.failed(f'traffic of {executors} executors', str(reason))
        await self.system.stop_executors()
        self._spread('zookeeper_per_job')
        for waiting in (0, plan.crowd_waiting):
            for queues in plan.crowd:
                traffic, done = await self._queues(queues, 2, plan.crowd_rate, plan.crowd_jobs, waiting)
                self._add('queue_traffic_per_job', queues, traffic, done['jobs'], waiting=waiting)
            self._spread('queue_traffic_per_job', waiting=waiting)

    async def _executors(self, executors):
        target = f'bench/crowd-{executors}'
        jobs = self.plan.crowd_jobs
        await asyncio.sleep(1)  # what their start brought about is over
        before = await zookeeper_traffic(self.system.zookeeper_port)
        cpu = self.system.cpu()
        await self.system.submit_evenly(jobs, self.plan.crowd_rate, target)
        done = await self.system.all_of(target, jobs, seconds=30)
        traffic = difference(await zookeeper_traffic(self.system.zookeeper_port), before)
        spent = difference(self.system.cpu(), cpu)
        self._add('zookeeper_per_job', executors, traffic, done,
                  executors_cpu_us=spent['job-executor'] * 1e6 / max(1, done))

    def _add(self, figure, takers, traffic, jobs, **members):
        if jobs == 0:
            raise NotPossible(f'no job was done with {takers} takers')
        self.figures.add(figure, takers=takers, value=traffic['bytes'] / jobs, unit='bytes/job',
                         to_clients=traffic['bytes_to_clients'] / jobs, requests=traffic['requests'] / jobs,
                         events=traffic['events'] / jobs, jobs=jobs, per_second=self.plan.crowd_rate, **members)

    def _spread(self, figure, **members):
        values = [row['value'] for row in self.figures.of(figure, **members)]
        if values:
            self.figures.add('traffic_spread', of=figure, value=spread(values), unit='(largest - smallest) / smallest',
                             **members)

    async def wake_ups(self):
        """Puts so far apart that each finds all takers idle."""
        for queues in self.plan.crowd:
            traffic, done = await self._queues(queues, 1, self.plan.idle_rate, self.plan.idle_puts)
            puts = done['jobs']
            counted = done['counters']
            self.figures.add('wake_ups', takers=queues, value=counted['wake_ups'] / puts, unit='wake-ups/put',
                             events_at_the_server=traffic['events'] / puts, bytes=traffic['bytes'] / puts,
                             listings=counted['listings'] / puts, looks=counted['looks'] / puts)

    async def _queues(self, queues, takers, rate, jobs, waiting=0):
        """The traffic, and what queue_bench said in the end."""
        process = await asyncio.create_subprocess_exec(
            'setpriv', '--pdeathsig', 'KILL', os.path.join(self.system.build, 'tests', 'queue_bench'), 'crowd', '--hosts',
            self.system.hosts, '--queues', str(queues), '--takers', str(takers), '--rate', str(rate), '--jobs', str(jobs),
            '--waiting', str(waiting), stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE)
        try:
            return await asyncio.wait_for(self._conversation(process), jobs / rate + 90)
        except asyncio.TimeoutError as late:
            raise NotPossible(f'queue_bench crowd with {queues} queues is not done in time') from late
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    async def _conversation(self, process):
        told = []
        traffic = []
        for _ in ('ready', 'done'):
            line = await process.stdout.readline()
            if not line:
                raise NotPossible('queue_bench crowd ended early')
            told.append(json.loads(line))
            traffic.append(await zookeeper_traffic(self.system.zookeeper_port))
            process.stdin.write(b'\n')
        await process.wait()
        return difference(traffic[1], traffic[0]), told[1]
