"""Memory: idle, and an executor of very many slots all of which are busy."""
import asyncio

from readings import memory_kb


class Footprint:
    name = 'memory'

    def __init__(self, system, figures, plan):
        self.system = system
        self.figures = figures
        self.plan = plan

    async def idle(self):
        """To be asked of a system that has done nothing yet."""
        await self.system.start_distributor()
        executor, = await self.system.start_executors(1, 8, shared=False)
        await asyncio.sleep(self.plan.idle_seconds)
        for program, pid in (('job-executor', executor.pid), ('job-distributor', self.system.distributor.pid),
                             ('job-api', self.system.api.pid), ('zookeeper', self.system.zookeeper.pid)):
            self.figures.add('memory', program=program, when='idle, nothing done yet', value=memory_kb(pid) / 1024,
                             unit='MB RSS')
        await self.system.stop_executors()
        await self.system.distributor.program.end('stopped', 15)
        self.system.distributor = None

    async def run(self):
        """All slots at work at the same time; what is told is the most memory there was."""
        system, slots = self.system, self.plan.many_slots
        target = f'bench/many-{slots}'
        jobs = 2 * slots
        await system.submit(jobs, target, duration=1, priority=1)
        executor, = await system.start_executors(1, slots, shared=True)
        busiest = 0
        deadline = asyncio.get_running_loop().time() + self.plan.many_seconds
        while await system.done() < jobs and asyncio.get_running_loop().time() < deadline:
            metrics = await executor.metrics()
            busiest = max(busiest, int(metrics.get('jobengine_executor_running_jobs', 0)))
            await asyncio.sleep(0.1)
        self.figures.add('memory', program='job-executor', when=f'{slots} slots, shared', busy_slots=busiest,
                         value=memory_kb(executor.pid, 'VmHWM') / 1024, unit='MB RSS, most')
        self.figures.add('memory', program='job-api', when='in the end', value=memory_kb(system.api.pid) / 1024,
                         unit='MB RSS')
        await system.stop_executors()
