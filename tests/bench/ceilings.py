"""The queue alone beside raw ZooKeeper operations, and raw SQLite commits."""
from arithmetic import mean_batch

PUT_BATCH = 100  # of queue_bench work, and of job-api's feed


class StoreCeiling:
    name = 'store'

    def __init__(self, system, figures, plan):
        self.system = system
        self.figures = figures
        self.plan = plan

    async def run(self):
        for row in await self.system.tool('store_ceiling', '--folder', self.system.folder, '--seconds',
                                          self.plan.ceiling_seconds):
            self.figures.add('store_commit', what=row['what'], rows_per_commit=row['rows_per_commit'],
                             value=row['rows_per_second'], unit='rows/s')


class QueueCeiling:
    """On a ZooKeeper that does nothing else."""
    name = 'queue'

    def __init__(self, system, figures, plan):
        self.system = system
        self.figures = figures
        self.plan = plan

    async def run(self):
        for takers in self.plan.queue_takers:
            await self._work(takers)
        for batch in self.plan.batches:
            await self._raw(batch, batch)

    async def _work(self, takers):
        """Its ceiling is measured right behind it, when nobody has yet."""
        figure, = await self.system.tool('queue_bench', 'work', '--hosts', self.system.hosts, '--takers', takers,
                                         '--seconds', self.plan.queue_seconds)
        counted = figure['counters']
        batch = mean_batch(counted, PUT_BATCH)
        occurred = max(1, round(batch))
        ceiling = await self._raw(occurred, PUT_BATCH)
        self.figures.add('queue_only', takers=takers, value=figure['per_second'], unit='jobs/s', mean_batch=batch,
                         ceiling=ceiling, ceiling_is=f'raw operations, {PUT_BATCH} puts and {occurred} takes a multi',
                         lost_races_per_job=counted['lost_races'] / max(1, counted['takes']),
                         listed_names_per_job=counted['listed_names'] / max(1, counted['takes']))

    async def _raw(self, batch, put_batch):
        """The best of some numbers of jobs under way at a time."""
        known = self.figures.value('queue_raw', batch=batch, put_batch=put_batch)
        if known:
            return known
        best = None
        for in_flight in self.plan.raw_in_flight:
            lanes = max(1, in_flight // batch)
            figure, = await self.system.tool('queue_bench', 'raw', '--hosts', self.system.hosts, '--batch', batch,
                                             '--put-batch', put_batch, '--lanes', lanes, '--seconds',
                                             self.plan.raw_seconds)
            if best is None or figure['per_second'] > best['per_second']:
                best = figure
        self.figures.add('queue_raw', batch=batch, put_batch=put_batch, value=best['per_second'], unit='jobs/s',
                         lanes=best['lanes'])
        return best['per_second']
