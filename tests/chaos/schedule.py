"""Which fault when: a function of the seed."""
import random


class Fault:
    """pick: from 0 to 1, who it hits. Filled in when it happens: what happened, when, and to whom."""

    def __init__(self, at, kind, pick, seconds, chance):
        self.at = at            # seconds from the beginning of the stream
        self.kind = kind
        self.pick = pick
        self.seconds = seconds  # how long it lasts
        self.chance = chance    # from 0 to 1, for what else the kind has to choose
        self.target = ''
        self.injected = None    # boot time; None: not yet, or skipped
        self.healed = None
        self.recovered = None   # boot time of the first readiness afterwards
        self.restarted = None   # boot time of the next start of a killed executor
        self.skipped = ''       # why
        self.victims = []       # runs that were under way on the target

    def __str__(self):
        return f'{self.kind} at {self.at:.1f} s, {self.seconds:.1f} s, pick {self.pick:.3f}'


def span(least, most):
    return lambda chance: chance.uniform(least, most)


def short_or_long(least, most, long_least, long_most):
    """Half of them end before a lease does, half after three sessions or so."""
    return lambda chance: chance.uniform(least, most) if chance.random() < 0.5 else \
        chance.uniform(long_least, long_most)


# kind -> (weight, how long)
KINDS = {
    'kill-executor': (10, span(0, 0)),
    'kill-host': (10, span(0, 0)),
    'terminate-executor': (3, span(0, 0)),
    'stop-executor': (7, short_or_long(0.5, 3, 15, 17)),
    'stop-host': (4, short_or_long(0.5, 3, 8, 16)),
    'freeze-node': (4, span(15, 17)),
    'kill-distributor': (4, span(0, 0)),
    'stop-distributor': (3, short_or_long(0.5, 3, 15, 17)),
    'kill-api': (4, span(0, 0)),
    'stop-api': (3, short_or_long(0.5, 3, 6, 9)),
    'kill-zookeeper-follower': (3, span(0, 0)),
    'kill-zookeeper-leader': (3, span(0, 0)),
    'stop-zookeeper-leader': (2, span(2, 8)),
    'freeze-zookeeper': (2, short_or_long(1, 3, 6, 12)),
    'rolling-zookeeper': (1, span(0, 0)),
    'cut-zookeeper': (5, short_or_long(0.5, 3, 8, 16)),
    'oneway-zookeeper': (5, short_or_long(0.5, 3, 8, 16)),
    'refuse-zookeeper': (3, short_or_long(0.5, 3, 6, 10)),
    'delay-zookeeper': (3, span(3, 8)),
    'cut-api': (3, short_or_long(0.5, 3, 6, 12)),
    'oneway-api': (4, short_or_long(0.5, 3, 6, 12)),
    'refuse-api': (2, span(1, 8)),
    'delay-api': (3, span(3, 8)),
    'api-refused': (3, span(1, 6)),
    'api-failed-after': (3, span(1, 6)),
    'api-dropped': (4, span(1, 6)),
    'api-half': (2, span(1, 6)),
    'api-stalled': (2, span(1, 8)),
    'duplicate-entry': (5, span(0, 0)),
    'clock-step': (2, span(2, 8)),
}
# Once in a campaign, at this part of its time.
ONCE = {'wipe-queue': (0.45, span(0, 0)), 'disk-full': (0.65, span(3, 6))}


def plan(seed, count, seconds, only=None, without=()):
    """`count` faults over the time, in the order of their time."""
    chance = random.Random(f'faults {seed}')
    kinds = [kind for kind in KINDS if (not only or kind in only) and kind not in without]
    once = [kind for kind in ONCE if (not only or kind in only) and kind not in without][:count]
    faults = []
    for kind in once:
        part, length = ONCE[kind]
        faults.append(Fault(part * seconds, kind, chance.random(), length(chance), chance.random()))
    missing = count - len(faults) if kinds else 0
    # Everything once as far as the number goes, then by weight.
    drawn = chance.sample(kinds, min(missing, len(kinds)))
    drawn += chance.choices(kinds, [KINDS[kind][0] for kind in kinds], k=missing - len(drawn)) if missing else []
    chance.shuffle(drawn)
    for number, kind in enumerate(drawn):
        at = (number + chance.random()) * seconds / len(drawn)
        faults.append(Fault(at, kind, chance.random(), KINDS[kind][1](chance), chance.random()))
    return sorted(faults, key=lambda fault: fault.at)
