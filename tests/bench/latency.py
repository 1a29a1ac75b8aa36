"""From submission to RUNNING, as the API dates both (in milliseconds): idle, at half load, and in front of a backlog.

In front of a backlog urgent jobs (priority 0) are submitted while jobs of least urgency wait and are worked off at a rate
that the slots bound: each of those does nothing for 0.05 to 0.15 s. So slots become free at the same pace however many wait,
and what differs is what the backlog costs. What was worked off is submitted anew all the time, in every case alike."""
import asyncio

from arithmetic import quantile, rate, waiting_times
from processes import NotPossible

SLOTS = 16
BACKLOG_SECONDS = 0.1  # of a job that waits, in the mean: 160 a second with 16 slots
RATE_TO_ASSUME = 400   # jobs/s of 8 slots, when the throughput was not measured


class Latency:
    name = 'latency'

    def __init__(self, system, figures, plan):
        self.system = system
        self.figures = figures
        self.plan = plan
        self._fill_rate = 0.0

    async def run(self):
        system, plan = self.system, self.plan
        await system.start_distributor()
        await system.start_executors(1, 8, shared=True)
        await self._measure('idle', plan.latency_samples, plan.latency_rate, priority=900)
        full = self.figures.value('end_to_end', executors=1, slots=8, isolation='shared') or RATE_TO_ASSUME
        samples = min(8000, max(plan.latency_samples, int(full / 2 * plan.half_load_seconds)))
        await self._measure('half load', samples, full / 2, priority=900)
        await system.stop_executors()
        await system.start_executors(1, SLOTS, shared=True)
        for waiting in plan.backlogs:
            try:
                await self._in_front_of(waiting)
            except NotPossible as reason:
                self.figures.failed(f'latency with {waiting} jobs waiting', str(reason))
                break
        few, many = plan.backlogs[1], plan.backlogs[-1]
        base, grown = (self.figures.value('latency', waiting=number, quantile='p99') for number in (few, many))
        if base and grown:
            self.figures.add('latency_growth', waiting=many, against=few, value=grown / base, unit='p99 / p99')
        await system.stop_executors()
        await self._throughput()

    async def _throughput(self):
        """No-op jobs that are more urgent than all that wait."""
        system, plan = self.system, self.plan
        waiting = await self._backlog()
        guess = self.figures.value('end_to_end', executors=1, slots=32, isolation='shared') or RATE_TO_ASSUME
        await system.submit(int(guess * (plan.window + 3) * 1.3), 'bench/ahead', priority=100)
        await system.start_executors(1, 32, shared=True)
        await asyncio.sleep(1)
        loop = asyncio.get_running_loop()
        begun, samples = loop.time(), []
        while not samples or samples[-1][0] < plan.window:
            samples.append((loop.time() - begun, await system.done()))
            await asyncio.sleep(0.2)
        self.figures.add('end_to_end', executors=1, slots=32, isolation='shared', value=rate(samples), unit='jobs/s',
                         waiting=waiting, jobs=int(samples[-1][1] - samples[0][1]))

    async def _measure(self, load, samples, per_second, priority, **members):
        target = f'bench/{load.split()[0].strip(",")}-{members.get("waiting", "none")}'
        await self.system.submit_evenly(samples, per_second, target, priority)
        done = await self.system.all_of(target, samples, seconds=20)
        times = waiting_times(await self.system.jobs_of(target))
        if done < samples:
            members['note'] = f'{samples - done} of {samples} jobs were not done in time'
        for name, part in (('p50', 0.5), ('p95', 0.95), ('p99', 0.99)):
            self.figures.add('latency', load=load, quantile=name, value=quantile(times, part), unit='ms',
                             samples=len(times), per_second=per_second, **members)

    async def _in_front_of(self, waiting):
        await self._fill(waiting)
        keeping = asyncio.ensure_future(self._keep(waiting))
        try:
            await asyncio.sleep(1)
            await self._measure('urgent, in front of a backlog', self.plan.backlog_samples, self.plan.latency_rate, priority=0,
                                waiting=waiting)
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)

    async def _backlog(self):
        return await self.system.count("target-resource/href='bench/backlog' and state='QUEUED'")

    async def _fill(self, waiting):
        missing = waiting - await self._backlog()
        if missing <= 0:
            return
        needed = missing / self._fill_rate if self._fill_rate else 0
        if needed > self.plan.most_fill_seconds:
            raise NotPossible(f'{missing} jobs are submitted in {needed:.0f} s here, which is too long')
        told = await self.system.submit(missing, 'bench/backlog', BACKLOG_SECONDS, 999, self.plan.most_fill_seconds * 2)
        if missing >= 500:
            self._fill_rate = told['jobs_per_second']

    async def _keep(self, waiting):
        """As many are submitted as were worked off, which the executor tells; urgent jobs come at a known rate."""
        if waiting == 0:
            return
        done = await self.system.done()
        while True:
            await asyncio.sleep(0.25)
            now = await self.system.done()
            finished, done = now - done, now
            missing = int(finished - self.plan.latency_rate * 0.25)
            if missing > 0:
                await self.system.submit(missing, 'bench/backlog', BACKLOG_SECONDS, 999)
