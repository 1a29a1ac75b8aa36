#!/usr/bin/python3
"""A campaign of faults: the real programs under a stream of jobs, while processes are killed and frozen and wires are
cut, and then the proof that nothing was lost, nothing done twice at once, and nothing left behind. See README.md."""
import argparse
import asyncio
import os
import random
import shutil
import signal
import sys
import tempfile
import time

import checks
import report
import schedule
from engine import GRACE_SECONDS, Engine
from ensemble import Ensemble
from faults import Disk, Injector
from http_client import all_jobs, search_jobs
from oracle import Oracle
from processes import FreePorts, NotPossible
from stream import Stream
from tree import Tree


def options():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument('--build', required=True, help='a build folder of the engine, tests included')
    parser.add_argument('--seed', type=int, default=1, help='the same faults and jobs for the same seed')
    parser.add_argument('--duration', type=float, default=90, help='seconds of jobs and faults (90)')
    parser.add_argument('--jobs', type=int, default=900, help='how many are submitted (900)')
    parser.add_argument('--faults', type=int, default=30, help='how many are injected (30); 0: none')
    parser.add_argument('--executors', type=int, default=4)
    parser.add_argument('--slots', type=int, default=4, help='of each executor (4)')
    parser.add_argument('--long-jobs', type=float, default=0.05, help='part of the jobs that take 2 to 8 s (0.05)')
    parser.add_argument('--only', nargs='+', metavar='KIND', help='only these kinds of faults')
    parser.add_argument('--without', nargs='+', default=[], metavar='KIND', help='not these')
    parser.add_argument('--settle', type=float, default=240, help='longest wait for the last job in the end (240 s)')
    parser.add_argument('--log-level', default='DEBUG', help="of the engine's programs (DEBUG)")
    parser.add_argument('--directory', help='where all files go; default: a fresh temporary folder')
    parser.add_argument('--keep', action='store_true', help='keep the files, even if all is well')
    parser.add_argument('--json', action='store_true', help='figures as JSON lines')
    parser.add_argument('--list', action='store_true', help='only tell the schedule of the seed')
    chosen = parser.parse_args()
    known = {*schedule.KINDS, *schedule.ONCE}
    unknown = {*(chosen.only or []), *chosen.without} - known
    if unknown:
        parser.error(f'no such fault: {", ".join(sorted(unknown))}; there are {", ".join(sorted(known))}')
    if chosen.jobs < 1 or chosen.duration <= 0 or chosen.faults < 0 or chosen.executors < 1:
        parser.error('--jobs and --executors are at least 1, --faults at least 0, --duration is more than 0')
    chosen.build = os.path.abspath(chosen.build)
    for needed in ('bin/job-api', 'bin/job-distributor', 'bin/job-executor', 'tests/chaos/chaos_oracle.so'):
        if not chosen.list and not os.path.exists(os.path.join(chosen.build, needed)):
            parser.error(f'--build {chosen.build}: {needed} is missing there; build the engine with its tests')
    return chosen


class Campaign:
    def __init__(self, chosen, folder):
        self.options = chosen
        self.folder = folder
        self.begun = time.monotonic()
        ports = FreePorts()
        # Draws of each part come from a generator of its own: none depends on the timing of another.
        draw = lambda what: random.Random(f'{what} {chosen.seed}')
        restart = draw('restarts')
        self.ensemble = Ensemble(folder, ports, lambda: restart.uniform(0.2, 2.0))
        self.tree = Tree(self.ensemble.hosts)
        self.disk = Disk(os.path.join(folder, 'database'), max(128, chosen.jobs // 40))
        self.engine = Engine(folder, os.path.join(chosen.build, 'bin'), os.path.join(chosen.build, 'tests', 'chaos'),
                             self.ensemble, ports, draw('wires'), chosen)
        self.oracle = Oracle(self.engine.oracle)
        self.stream = Stream(self.engine, draw('jobs'), chosen.jobs, chosen.duration)
        self.faults = schedule.plan(chosen.seed, chosen.faults, chosen.duration, chosen.only, chosen.without)
        self.injector = Injector(self.engine, self.ensemble, self.tree, self.oracle, self.disk)
        self.problems = {}  # what the harness itself found on the way, like a check
        self._injections = []

    def say(self, text):
        print(f'[{time.monotonic() - self.begun:6.1f} s] {text}', file=sys.stderr, flush=True)

    async def run(self):
        """Violations by check, and the findings they were found in."""
        await self.disk.mount()
        await self.engine.prepare()
        self.ensemble.start()
        if not await self.ensemble.whole(60):
            raise NotPossible('the ensemble does not come up')
        self.say(f'3 ZooKeeper servers serve at {self.ensemble.hosts}')
        self.engine.start()
        missing = await self.engine.settled(60)
        if missing:
            raise NotPossible('not ready at the start: ' + ', '.join(missing))
        self.say(f'{len(self.engine.members)} programs are ready; {self.options.jobs} jobs and {len(self.faults)} '
                 f'faults in {self.options.duration:.0f} s')
        stream = asyncio.ensure_future(self.stream.run())
        injecting = asyncio.ensure_future(self._inject())
        await asyncio.gather(stream, injecting)
        self.say(f'{len(self.stream.acknowledged)} jobs acknowledged, {len(self.stream.unclear)} submissions unclear')
        return await self._settle()

    async def _inject(self):
        begin = asyncio.get_running_loop().time()
        for fault in self.faults:
            await asyncio.sleep(max(0.0, begin + fault.at - asyncio.get_running_loop().time()))
            self._injections.append(asyncio.ensure_future(self._one(fault)))
        await asyncio.gather(*self._injections)

    async def _one(self, fault):
        await self.injector.inject(fault)
        if fault.skipped:
            self.say(f'skipped {fault}: {fault.skipped}')
        else:
            ready = f'ready {fault.recovered - fault.healed:.1f} s later' if fault.recovered else 'NOT READY AGAIN'
            self.say(f'{fault.kind}: {fault.target}, at {fault.injected:.3f} for {fault.healed - fault.injected:.1f} s; '
                     f'{len(fault.victims)} runs hit; {ready}')

    # ---- the end

    async def _settle(self):
        self.injector.thaw_all()
        for fault in self.faults:
            if fault.injected is not None and fault.recovered is None:
                self._problem('targets_recover', f'{fault.target} was not ready again after {fault}')
        if not await self.ensemble.whole(60):
            self._problem('targets_recover', 'the ensemble is not whole in the end')
        for name in await self.engine.settled(60):
            self._problem('targets_recover', f'{name} is not ready in the end')
        await self._wait_for_jobs(self.options.settle)
        self.say('no acknowledged job is open; waiting for the queue')
        leftovers = await self._wait_for_queue(GRACE_SECONDS * 2 + 30)
        # Without distributors there are no new ticks, and what is there must come to its end.
        for member in self.engine.of('distributor'):
            await member.program.end('end of the campaign', 30)
        await self._wait_for_jobs(60)
        queue = await self._empty_queue(20)
        jobs = await all_jobs(self.engine.api_port, 'id,name,state,updated,status-message')
        for kind in ('executor', 'api'):
            for member in self.engine.of(kind):
                await member.program.end('end of the campaign', 30)
        self.oracle.read()
        found = checks.Findings(jobs, self.oracle, self.stream, self.engine, self.ensemble, self.faults, leftovers,
                                queue)
        return {**self.problems, **checks.all_violations(found)}, found

    def _problem(self, check, text):
        self.problems.setdefault(check, []).append(text)

    async def _wait_for_jobs(self, seconds):
        """Until none is open, but for ticks that come every few seconds."""
        deadline = time.monotonic() + seconds
        told = time.monotonic()
        while time.monotonic() < deadline:
            try:
                rows, count = await search_jobs(self.engine.api_port, 'id,name,state',
                                                "state!=['SUCCESS','FAILED','CANCELED']")
            except OSError as why:
                self.say(f'the API does not answer: {why}')
                await asyncio.sleep(1)
                continue
            waiting = count if self.engine.of('distributor')[0].program.held else \
                sum((row.get('name') or '').startswith('chaos-') for row in rows)
            if waiting == 0:
                return
            if time.monotonic() - told > 10:
                told = time.monotonic()
                self.say(f'{waiting} jobs are open')
            await asyncio.sleep(0.3)

    async def _wait_for_queue(self, seconds):
        """Every node that is there now must go away; lines about those that do not."""
        deadline = time.monotonic() + seconds
        first = await self.tree.queue()
        while first is not None:
            now = await self.tree.queue()
            if now is not None:
                left = {folder: first[folder] & now[folder] for folder in first}
                if not any(left.values()):
                    return []
                if time.monotonic() > deadline:
                    lines = []
                    for folder, names in left.items():
                        lines += await self.tree.describe(folder, names)
                    return lines
            await asyncio.sleep(0.3)
        return ['ZooKeeper cannot be read after the campaign']

    async def _empty_queue(self, seconds):
        deadline = time.monotonic() + seconds
        while True:
            queue = await self.tree.queue()
            if (queue is not None and not any(queue.values())) or time.monotonic() > deadline:
                return queue
            await asyncio.sleep(0.3)

    async def close(self):
        """Ends everything, whatever state it is in."""
        for injection in self._injections:
            injection.cancel()
        await asyncio.gather(*self._injections, return_exceptions=True)
        self.injector.thaw_all()
        programs = [member.program for member in self.engine.members] + self.ensemble.servers
        for program in programs:
            program.kill_now()
        for program in programs:
            if program.running:
                await program.ended(10)
        for link in self.engine.links:
            link.stop()
        self.disk.empty()
        await self.disk.unmount(os.path.join(self.folder, 'database-kept'))


async def perform(chosen, folder):
    campaign = Campaign(chosen, folder)
    task = asyncio.current_task()
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        violations, found = await campaign.run()
    finally:
        await campaign.close()
    rows = report.figures(campaign.faults, campaign.oracle)
    summary = {
        'seed': chosen.seed, 'acknowledged': len(campaign.stream.acknowledged), 'jobs': len(found.jobs),
        'unclear': len(campaign.stream.unclear), 'runs': len(campaign.oracle.runs),
        'repeated': sum(len(runs) > 1 for runs in campaign.oracle.by_job.values()),
        'faults': len(found.faults), 'violations': sum(map(len, violations.values())),
        'seconds': round(time.monotonic() - campaign.begun, 1)}
    if chosen.json:
        report.print_json(summary, rows, violations)
    else:
        report.print_table(rows)
        report.print_violations(violations)
        print(', '.join(f'{name} {value}' for name, value in summary.items()))
    return not violations


def main():
    chosen = options()
    if chosen.list:
        for fault in schedule.plan(chosen.seed, chosen.faults, chosen.duration, chosen.only, chosen.without):
            print(fault)
        return 0
    folder = os.path.abspath(chosen.directory or tempfile.mkdtemp(prefix='job-engine-chaos-'))
    os.makedirs(folder, exist_ok=True)
    good = False
    try:
        good = asyncio.run(perform(chosen, folder))
    except asyncio.CancelledError:
        print('interrupted', file=sys.stderr)
    except NotPossible as why:
        print(f'the campaign could not be held: {why}', file=sys.stderr)
    finally:
        if good and not chosen.keep:
            shutil.rmtree(folder, ignore_errors=True)
        else:
            print(f'logs, oracle and database are in {folder}; seed {chosen.seed}', file=sys.stderr)
    return 0 if good else 1


if __name__ == '__main__':
    sys.exit(main())
