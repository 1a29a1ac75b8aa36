"""What is aimed at, and how far this run is from it. Nothing is asserted: one run on one machine may miss what another reaches."""


def add_targets(figures):
    """Of what was measured."""
    queue = figures.of('queue_only')
    best = max(queue, key=lambda row: row['value'], default={})
    _add(figures, 'the queue alone, jobs/s', best.get('value'), at_least=10_000)
    _add(figures, 'the queue alone, part of its ceiling', best.get('ratio'), at_least=0.7)
    _add(figures, 'one executor process, times one of the Python engine',
         figures.value('python_engine', unit='ours / theirs'), at_least=50)
    _add(figures, 'p99 with the most jobs waiting / with 100', figures.value('latency_growth'), at_most=1.5)
    for row in figures.of('traffic_spread'):
        waiting = f', {row["waiting"]} waiting' if 'waiting' in row else ''
        _add(figures, f'{row["of"]}{waiting}: spread from the fewest takers to the most', row['value'], at_most=0.1)
    _add(figures, 'wake-ups for a put, the most', _most(figures.of('wake_ups')), at_most=3)
    idle = figures.of('memory', when='idle, nothing done yet')
    for program, megabytes in (('job-executor', 20), ('job-distributor', 20), ('job-api', 40)):
        _add(figures, f'{program} idle, MB', _most([row for row in idle if row['program'] == program]),
             at_most=megabytes)
    _add(figures, 'job-executor with 1000 shared slots, MB', figures.value('memory', when='1000 slots, shared'),
         at_most=200)


def _most(rows):
    return max((row['value'] for row in rows), default=None)


def _add(figures, what, value, at_least=None, at_most=None):
    if value is None:
        return
    reached = value >= at_least if at_least is not None else value <= at_most
    wanted = f'at least {at_least}' if at_least is not None else f'at most {at_most}'
    figures.add('target', what=what, value=value, wanted=wanted, reached=reached)
