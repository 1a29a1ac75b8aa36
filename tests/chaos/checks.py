"""What must hold after a campaign, whatever happened in it. Each check returns violations: texts with the evidence."""
import datetime
import os
import re
import time

from engine import OWN_EXIT_CODES, TICK_SECONDS, TICKS
from processes import boot_time

FINAL = ('SUCCESS', 'FAILED', 'CANCELED')
RUN_OF = re.compile(r'\brun (\d+-\d+)')
ALARMS = re.compile(r'Sanitizer|runtime error:|check failed|terminate called|\bCRITICAL\b|Assertion .* failed|panic')

# A shared action that outlives its lease takes its executor with it, and job-api does not start on a full disk: promised.
EXPECTED = re.compile(r'CRITICAL (this executor ends at once|cannot open database .*disk is full)')


def seconds_of(timestamp):
    return datetime.datetime.fromisoformat(timestamp.replace('Z', '+00:00')).timestamp()


class Findings:
    """Everything that is known when the campaign is over."""

    def __init__(self, jobs, oracle, stream, engine, ensemble, faults, leftovers, queue):
        self.jobs = jobs            # id -> document
        self.oracle = oracle
        self.stream = stream
        self.engine = engine
        self.ensemble = ensemble
        self.faults = [fault for fault in faults if fault.injected is not None]
        self.leftovers = leftovers  # lines about nodes that did not go away
        self.queue = queue          # the tree at the very end, None: it could not be read
        self.wall_offset = time.time() - boot_time()  # what makes a time of day of the oracle's times


def acknowledged_jobs_are_final(found):
    for job, name in found.stream.acknowledged.items():
        document = found.jobs.get(job)
        if document is None:
            yield f'{job} ({name}) was acknowledged with 201 and does not exist'
        elif document['state'] not in FINAL:
            yield f'{job} ({name}) was acknowledged and is {document["state"]} in the end'


def every_job_is_final(found):
    for job, document in found.jobs.items():
        if job not in found.stream.acknowledged and document['state'] not in FINAL:
            yield f'{job} ({document.get("name")}), not acknowledged, is {document["state"]} in the end'


def no_job_failed(found):
    """The action never fails, and the end of a host or an executor is no failure of the job: it is tried again."""
    for job, document in found.jobs.items():
        if document['state'] in ('FAILED', 'CANCELED'):
            yield f'{job} is {document["state"]}: {document.get("status-message")}'


def success_was_earned(found):
    """The run that SUCCESS speaks of told the oracle its end."""
    for job, document in found.jobs.items():
        if document['state'] != 'SUCCESS':
            continue
        runs = {run.id: run for run in found.oracle.by_job.get(job, [])}
        if not any(run.end == 'end' for run in runs.values()):
            yield f'{job} is SUCCESS, and no run of it ended: {[str(run) for run in runs.values()]}'
            continue
        named = RUN_OF.search(document.get('status-message') or '')
        if named and named.group(1) not in runs:
            yield f'{job} is SUCCESS with the message of a run nobody knows: {document.get("status-message")}'
        elif named and runs[named.group(1)].end != 'end':
            yield f'{job} is SUCCESS with the message of a run that did not end: {runs[named.group(1)]}'


def no_two_runs_overlap(found):
    """A run was alive from its first line to its last one at least; nothing else of its job may begin in between."""
    for job, runs in found.oracle.by_job.items():
        ordered = sorted(runs, key=lambda run: run.start)
        for number, earlier in enumerate(ordered):
            for later in ordered[number + 1:]:
                if later.start < earlier.last:
                    yield f'{job}: two runs overlap by {earlier.last - later.start:.3f} s: {earlier}; {later}'


def nothing_runs_after_the_end(found):
    """What is recorded as done is never begun again. The API's clock is this machine's; it tells milliseconds."""
    for job, document in found.jobs.items():
        if document['state'] not in FINAL:
            continue
        recorded = seconds_of(document['updated'])
        for run in found.oracle.by_job.get(job, []):
            if run.start + found.wall_offset > recorded + 0.005:
                yield f'{job} was {document["state"]} at {document["updated"]}, and begun again: {run}'


def checkpoints_are_kept(found):
    """Who saved one and was told that it is kept was told the truth: the next run gets it, or a later one."""
    wiped = [fault.injected for fault in found.faults if fault.kind == 'wipe-queue']
    for job, runs in found.oracle.by_job.items():
        ordered = sorted(runs, key=lambda run: run.start)
        for number, run in enumerate(ordered):
            savers = [earlier for earlier in ordered[:number] if earlier.kept is not None]
            if not savers or any(savers[-1].kept < moment + 30 for moment in wiped):
                continue
            good = {savers[-1].id} | {earlier.id for earlier in ordered[:number] if earlier.start >= savers[-1].start}
            if run.origin not in good:
                yield f'{job}: {run} got the checkpoint of {run.origin or "nobody"}, not that of {savers[-1]}'


def one_final_record(found):
    """Of all the edits that passed the links, at most one made a job final, and none was of an executor whose job
    another had begun before it was sent."""
    by_job = {}
    for change in found.engine.changes:
        if change.method == 'PUT' and isinstance(change.body, dict) and change.path.startswith('/api/job/'):
            by_job.setdefault(change.job, []).append(change)
    for job, changes in by_job.items():
        accepted = [change for change in changes if change.status is not None and 200 <= change.status < 300]
        ends = [change for change in accepted if change.state in FINAL]
        if len(ends) > 1:
            yield f'{job} was made final {len(ends)} times: ' + '; '.join(map(describe, ends))
        if any(change.status is None for change in changes):
            continue  # nobody knows in which order they counted
        owner = None
        for change in sorted(accepted, key=lambda change: change.answered):
            if change.state == 'RUNNING':
                owner = change
            elif owner is not None and change.link != owner.link and change.sent > owner.answered:
                yield f'{job}: a stale write was accepted: {describe(change)}, after {describe(owner)}'


def describe(change):
    return (f'{change.link}: {change.state or "an edit"} sent at {change.sent:.3f}, answered {change.status} '
            f'at {change.answered:.3f}, If-Match {change.if_match or "none"}')


def every_tick_once(found):
    """A tick is named by its instant. Those of an outage are made up for (misfire: all): none is missing."""
    names = {}
    for job, document in found.jobs.items():
        name = document.get('name') or ''
        if name.startswith(TICKS + '@'):
            names.setdefault(name.partition('@')[2], []).append(job)
    for instant, jobs in names.items():
        if len(jobs) > 1:
            yield f'the tick {instant} has {len(jobs)} jobs: {", ".join(sorted(jobs))}'
    instants = sorted((seconds_of(instant), instant) for instant in names)
    if len(instants) < 2:
        yield f'there were {len(instants)} ticks'
    for (earlier, before), (later, after) in zip(instants, instants[1:]):
        if abs((later - earlier) / TICK_SECONDS - round((later - earlier) / TICK_SECONDS)) > 0.01:
            yield f'the ticks {before} and {after} are not {TICK_SECONDS} s or a multiple apart'
        elif later - earlier > TICK_SECONDS * 1.5:
            yield f'the ticks between {before} and {after} are missing'


def nothing_is_left(found):
    yield from found.leftovers
    if found.queue is None:
        yield 'ZooKeeper cannot be read in the end'
        return
    for folder, names in found.queue.items():
        if names:
            yield f'/job/{folder} holds {len(names)} nodes in the end: {", ".join(sorted(names)[:10])}'


def submissions_are_not_refused(found):
    for name, status, document in found.stream.refused:
        yield f'the submission of {name} was answered {status}: {document}'


def ends_are_expected(found):
    """Nothing ends by itself; what is asked to end ends with 0."""
    programs = [(member.kind, member.program) for member in found.engine.members]
    programs += [('zookeeper', server) for server in found.ensemble.servers]
    for kind, program in programs:
        for moment, code, why in program.deaths:
            if code == -9 and why and 'did not end' not in why:
                continue
            if why and 'did not end' not in why and (code == 0 or (kind == 'zookeeper' and code in (143, -15))):
                continue
            if code in OWN_EXIT_CODES.get(kind, ()):
                continue
            if kind == 'api' and code == 1 and any(disk_was_full(fault, moment) for fault in found.faults):
                continue
            # ZooKeeper's servers end themselves when they lose their ensemble; they are no part of this engine.
            if kind == 'zookeeper':
                continue
            yield f'{program.name} ended at {moment:.3f} with {code}; what was done to it: {why or "nothing"}'


def disk_was_full(fault, moment):
    return fault.kind == 'disk-full' and fault.injected <= moment <= fault.healed + 1


def logs_are_clean(found):
    for member in found.engine.members:
        yield from alarms_in(member.program.log, member.name)


def alarms_in(path, name):
    if not os.path.exists(path):
        return
    shown = 0
    with open(path, encoding='utf-8', errors='replace') as file:
        for number, line in enumerate(file, 1):
            if ALARMS.search(line) and not EXPECTED.search(line) and shown < 5:
                shown += 1
                yield f'{name}, line {number} of its log: {line.strip()[:300]}'


def oracle_is_whole(found):
    for line in found.oracle.broken_lines[:5]:
        yield f'a line of the oracle is broken: {line[:200]}'


CHECKS = (acknowledged_jobs_are_final, every_job_is_final, no_job_failed, success_was_earned, no_two_runs_overlap,
          nothing_runs_after_the_end, checkpoints_are_kept, one_final_record, every_tick_once, nothing_is_left,
          submissions_are_not_refused, ends_are_expected, logs_are_clean, oracle_is_whole)


def all_violations(found):
    """Name of the check -> texts."""
    return {check.__name__: texts for check in CHECKS if (texts := list(check(found)))}
