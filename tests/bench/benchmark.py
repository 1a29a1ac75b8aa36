"""The benchmark of the engine: README.md says what is measured and how. Asserts no times."""
import argparse
import asyncio
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import traceback

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(os.path.dirname(HERE))
sys.path.insert(1, os.path.join(ROOT, 'tests', 'chaos'))  # what starts and supervises programs is shared

# pylint: disable=wrong-import-position
from ceilings import QueueCeiling, StoreCeiling
from crowd import Crowd
from figures import Figures, fill
from footprint import Footprint
from latency import Latency
from plan import Full, Quick
from plots import draw
from processes import FreePorts, NotPossible
from python_engine import PythonEngine
from system import System
from targets import add_targets
from throughput import Throughput

NEEDED = ('bin/job-api', 'bin/job-distributor', 'bin/job-executor', 'tests/queue_bench', 'tests/job_load',
          'tests/store_ceiling')
PARTS = ['store', 'queue', 'throughput', 'memory', 'crowd', 'wake-ups', 'python', 'latency']


def options():
    parser = argparse.ArgumentParser(prog='tests/bench/run', description=__doc__)
    parser.add_argument('--build', default=os.path.join(ROOT, 'build'),
                        help='a build folder of the engine, tests included (build)')
    parser.add_argument('--quick', action='store_true', help='under a minute: shows that everything works')
    parser.add_argument('--out', metavar='DIR', help='figures.jsonl, figures.md and plots (BUILD/bench)')
    parser.add_argument('--fill', metavar='FILE', help='put the tables between the marks in this text (README.md beside this)')
    parser.add_argument('--only', nargs='+', metavar='NAME', choices=PARTS, default=PARTS, help=', '.join(PARTS))
    parser.add_argument('--python-engine', metavar='DIR', help='sources of Nuvla\'s Python job engine')
    parser.add_argument('--python-api', metavar='DIR', help='sources of Nuvla\'s Python client, which that needs')
    parser.add_argument('--directory', metavar='DIR', help='databases and logs go below this; default: the temporary folder')
    parser.add_argument('--keep', action='store_true', help='keep databases and logs')
    chosen = parser.parse_args()
    chosen.build = os.path.abspath(chosen.build)
    chosen.out = os.path.abspath(chosen.out or os.path.join(chosen.build, 'bench'))
    missing = [name for name in NEEDED if not os.path.exists(os.path.join(chosen.build, name))]
    if missing:
        parser.error(f'{chosen.build} has no {", ".join(missing)}; build the engine with its tests')
    return chosen


class Benchmark:
    def __init__(self, chosen, figures, folder):
        self.options = chosen
        self.figures = figures
        self.folder = folder
        self.plan = Quick if chosen.quick else Full
        self.ports = FreePorts()
        self.systems = []
        self.errors = 0

    def _system(self):
        number = len(self.systems) + 1
        home = os.path.join(self.folder, f'system-{number}')
        os.makedirs(home)
        self.systems.append(System(home, self.options.build, self.ports))
        return self.systems[-1]

    async def _measured(self, what, measuring):
        """A figure that cannot be had does not keep the others."""
        try:
            await measuring
        except NotPossible as reason:
            self.figures.failed(what, str(reason))
        except Exception as error:  # pylint: disable=broad-except
            self.errors += 1
            traceback.print_exc()
            self.figures.failed(what, f'{type(error).__name__}: {error}')

    async def run(self):
        asked = self.options.only
        if 'store' in asked or 'throughput' in asked:
            await self._measured('store', StoreCeiling(self._system(), self.figures, self.plan).run())
        if 'queue' in asked or 'wake-ups' in asked:
            await self._measured('queue', self._with_zookeeper(asked))
        if 'throughput' in asked or 'memory' in asked:
            await self._measured('engine', self._with_engine(asked))
        for name, measuring in (('python', self._with_python), ('crowd', self._with_crowd), ('latency', self._with_backlog)):
            if name in asked:
                await self._measured(name, measuring())
        add_targets(self.figures)

    async def _with_zookeeper(self, asked):
        system = self._system()
        try:
            await system.start_zookeeper()
            await system.warm_up(self.plan.warm_up)
            if 'wake-ups' in asked:
                await self._measured('wake-ups', Crowd(system, self.figures, self.plan).wake_ups())
            if 'queue' in asked:
                await self._measured('queue', QueueCeiling(system, self.figures, self.plan).run())
        finally:
            await system.stop()

    async def _started(self):
        system = self._system()
        try:
            await system.start_zookeeper()
            await system.warm_up(self.plan.warm_up)
            await system.start_api()
        except BaseException:
            await system.stop()
            raise
        return system

    async def _with_engine(self, asked):
        system = await self._started()
        try:
            footprint = Footprint(system, self.figures, self.plan)
            if 'memory' in asked:
                await self._measured('memory, idle', footprint.idle())
                await system.stop_executors()
            if 'throughput' in asked:
                await self._measured('throughput', Throughput(system, self.figures, self.plan).run())
                await system.stop_executors()
            if 'memory' in asked:
                await self._measured('memory', footprint.run())
        finally:
            await system.stop()

    async def _with_python(self):
        system = await self._started()
        try:
            await PythonEngine(system, self.figures, self.plan, self.options).run()
        finally:
            await system.stop()

    async def _with_crowd(self):
        system = await self._started()
        try:
            await Crowd(system, self.figures, self.plan).run()
        finally:
            await system.stop()

    async def _with_backlog(self):
        system = await self._started()
        try:
            await Latency(system, self.figures, self.plan).run()
        finally:
            await system.stop()


def commit():
    told = subprocess.run(['git', '-C', ROOT, '-c', 'safe.directory=*', 'describe', '--always', '--dirty'],
                          capture_output=True, text=True)
    return told.stdout.strip() or 'unknown'


async def measure(chosen, figures, folder):
    benchmark = Benchmark(chosen, figures, folder)
    task = asyncio.ensure_future(benchmark.run())
    for number in (signal.SIGINT, signal.SIGTERM):
        asyncio.get_running_loop().add_signal_handler(number, task.cancel)
    try:
        await task
    finally:
        for system in benchmark.systems:
            system.kill_now()
    return 1 if benchmark.errors else 0


def main():
    chosen = options()
    figures = Figures(chosen.out, commit())
    folder = tempfile.mkdtemp(prefix='bench-', dir=chosen.directory)
    try:
        return asyncio.run(measure(chosen, figures, folder))
    except asyncio.CancelledError:
        print('interrupted', file=sys.stderr)
        return 130
    finally:
        figures.close()
        draw(figures, chosen.out)
        if chosen.fill:
            fill(chosen.fill, figures.tables())
        print(f'Written to {chosen.out}')
        if chosen.keep:
            print(f'Kept: {folder}')
        else:
            shutil.rmtree(folder, ignore_errors=True)
