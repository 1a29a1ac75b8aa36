"""How each fault is made, and undone."""
import asyncio
import ctypes
import os
import shutil
import signal

import api_link
from links import DOWN, UP
from processes import boot_time, children_of, send

NEW_MOUNT_NAMESPACE = 0x00020000  # CLONE_NEWNS


class Skipped(Exception):
    """It cannot be made here or now; the text says why."""


def among(candidates, pick):
    if not candidates:
        raise Skipped('nobody to hit')
    return candidates[min(int(pick * len(candidates)), len(candidates) - 1)]


def descendants(pid):
    found = []
    for child in children_of(pid):
        found += [child, *descendants(child)]
    return found


class Injector:
    def __init__(self, engine, ensemble, tree, oracle, disk):
        self.engine = engine
        self.ensemble = ensemble
        self.tree = tree
        self.oracle = oracle
        self.disk = disk
        self._one_zookeeper_fault = asyncio.Lock()
        self._frozen = set()  # processes that are not ours and are stopped

    async def inject(self, fault):
        """Makes it, waits for its time, undoes it, and waits until its target is ready again."""
        family = fault.kind.partition('-')[0]
        try:
            if 'zookeeper' in fault.kind and family in ('kill', 'stop', 'freeze', 'rolling'):
                async with self._one_zookeeper_fault:
                    await self._server_fault(fault)
            elif fault.kind.startswith('api-'):
                await self._answers(fault)
            elif family in ('cut', 'oneway', 'refuse', 'delay'):
                await self._wire(fault)
            else:
                await getattr(self, '_' + fault.kind.replace('-', '_'))(fault)
        except Skipped as why:
            fault.skipped, fault.injected = str(why), None

    # ---- what all have in common

    def _begin(self, fault, target, parents=None):
        """parents: of the processes whose runs are hit; None: no run is."""
        fault.target = target
        self.oracle.read()
        if parents is not None:
            fault.victims = [run for run in self.oracle.under_way()
                             if run.parent in parents or run.pid in parents]
        fault.injected = boot_time()

    async def _recover(self, fault, ready, seconds=90):
        fault.healed = boot_time()
        deadline = fault.healed + seconds
        while boot_time() < deadline:
            if await ready():
                fault.recovered = boot_time()
                return
            await asyncio.sleep(0.1)

    def _healthy(self, kind):
        return [member for member in self.engine.of(kind) if member.program.running and not member.program.stopped]

    # ---- executors and their hosts

    async def _kill_executor(self, fault):
        member = among(self._healthy('executor'), fault.pick)
        self._begin(fault, member.name, {member.program.pid})
        member.program.signal(signal.SIGKILL, fault.kind)
        await asyncio.sleep(0.1)
        await self._recover(fault, member.ready)
        fault.restarted = next((start for start in member.program.starts if start > fault.injected), None)

    async def _terminate_executor(self, fault):
        member = among(self._healthy('executor'), fault.pick)
        self._begin(fault, member.name, {member.program.pid})
        member.program.signal(signal.SIGTERM, fault.kind)
        if not await member.program.ended(30):
            # The check of unexpected ends tells it.
            member.program.signal(signal.SIGKILL, fault.kind + ' did not end it')
        await self._recover(fault, member.ready)

    def _busy_host(self, fault):
        """A host that runs an action, and its executor."""
        self.oracle.read()
        executors = {member.program.pid: member for member in self._healthy('executor')}
        run = among([run for run in self.oracle.under_way() if run.parent in executors], fault.pick)
        return run, executors[run.parent]

    async def _kill_host(self, fault):
        for _ in range(40):
            try:
                run, member = self._busy_host(fault)
                break
            except Skipped:
                await asyncio.sleep(0.05)
        else:
            raise Skipped('no busy action host')
        self._begin(fault, f'host {run.pid} of {member.name}', {run.pid})
        send(run.pid, signal.SIGKILL)
        await self._recover(fault, member.ready)

    async def _stop_host(self, fault):
        run, member = self._busy_host(fault)
        self._begin(fault, f'host {run.pid} of {member.name}', {run.pid})
        self._freeze([run.pid])
        await asyncio.sleep(fault.seconds)
        self._thaw([run.pid])
        await self._recover(fault, member.ready)

    def _freeze(self, pids):
        for pid in pids:
            if send(pid, signal.SIGSTOP):
                self._frozen.add(pid)

    def _thaw(self, pids):
        for pid in pids:
            if pid in self._frozen:
                self._frozen.discard(pid)
                send(pid, signal.SIGCONT)

    async def _stop_member(self, fault, kind):
        member = among(self._healthy(kind), fault.pick)
        self._begin(fault, member.name, {member.program.pid} if kind == 'executor' else None)
        process = member.program.process
        member.program.signal(signal.SIGSTOP)
        await asyncio.sleep(fault.seconds)
        if member.program.process is process:
            member.program.signal(signal.SIGCONT)
        await self._recover(fault, member.ready)

    async def _stop_executor(self, fault):
        await self._stop_member(fault, 'executor')

    async def _stop_distributor(self, fault):
        await self._stop_member(fault, 'distributor')

    async def _stop_api(self, fault):
        await self._stop_member(fault, 'api')

    async def _freeze_node(self, fault):
        """An executor and all that it started, at once: a virtual machine that is paused."""
        member = among(self._healthy('executor'), fault.pick)
        process = member.program.process
        self._begin(fault, member.name, {process.pid})
        member.program.signal(signal.SIGSTOP)
        pids = descendants(process.pid)
        self._freeze(pids)
        await asyncio.sleep(fault.seconds)
        # The hosts first: nobody is there who could end them.
        self._thaw(pids)
        if member.program.process is process:
            member.program.signal(signal.SIGCONT)
        await self._recover(fault, member.ready)

    # ---- distributors and the API

    async def _kill_member(self, fault, kind):
        member = among(self._healthy(kind), fault.pick)
        self._begin(fault, member.name)
        member.program.signal(signal.SIGKILL, fault.kind)
        await asyncio.sleep(0.1)
        await self._recover(fault, member.ready)

    async def _kill_distributor(self, fault):
        await self._kill_member(fault, 'distributor')

    async def _kill_api(self, fault):
        await self._kill_member(fault, 'api')

    async def _disk_full(self, fault):
        self.disk.expect_limited()
        self._begin(fault, 'the disk of job-api')
        self.disk.fill()
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self.disk.empty()
        await self._recover(fault, self.engine.api.ready)

    async def _clock_step(self, fault):
        if not self.engine.clock.installed:
            raise Skipped('no libfaketime, or one that does not work with these programs')
        step = round((fault.chance - 0.5) * 2 * 7200)
        member = self.engine.of('executor')[-1]
        self._begin(fault, f'{member.name}, {step:+d} s')
        self.engine.clock.step(step)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            self.engine.clock.step(0)
        await self._recover(fault, member.ready)

    # ---- ZooKeeper

    async def _server_fault(self, fault):
        if not await self.ensemble.whole(60):
            raise Skipped('the ensemble was not whole within 60 s')
        roles = await self.ensemble.roles()
        wanted = 'leader' if 'leader' in fault.kind else 'follower'
        servers = [server for server, role in zip(self.ensemble.servers, roles) if role == wanted]
        if fault.kind == 'rolling-zookeeper':
            self._begin(fault, 'all servers, one after the other')
            for server in self.ensemble.servers:
                server.signal(signal.SIGTERM, fault.kind)
                await server.ended(10)
                await self.ensemble.whole(60)
        elif fault.kind == 'freeze-zookeeper':
            self._begin(fault, 'all servers')
            for server in self.ensemble.servers:
                server.signal(signal.SIGSTOP)
            await asyncio.sleep(fault.seconds)
            for server in self.ensemble.servers:
                server.signal(signal.SIGCONT)
        elif fault.kind.startswith('kill'):
            server = among(servers, fault.pick)
            self._begin(fault, server.name)
            server.signal(signal.SIGKILL, fault.kind)
            await asyncio.sleep(0.1)
        else:
            server = among(servers, fault.pick)
            self._begin(fault, server.name)
            server.signal(signal.SIGSTOP)
            await asyncio.sleep(fault.seconds)
            server.signal(signal.SIGCONT)
        await self._recover(fault, lambda: self.ensemble.whole(1))

    async def _wipe_queue(self, fault):
        async with self._one_zookeeper_fault:
            await self.ensemble.whole(60)
            self._begin(fault, '/job')
            if not await self.tree.wipe():
                raise Skipped('/job could not be removed')
        await self._recover(fault, self.engine.api.ready)

    async def _duplicate_entry(self, fault):
        self.oracle.read()
        run = among(self.oracle.under_way(), fault.pick)
        self._begin(fault, f'{run.job}, which runs in {run.pid}')
        if not await self.tree.add_entry(1 if fault.chance < 0.5 else 999, run.job):
            raise Skipped('the entry could not be made')
        await self._recover(fault, self.engine.api.ready)

    # ---- wires

    def _link_of(self, fault):
        """Mostly an executor's; and who is to be ready again."""
        service = 'zookeeper' if fault.kind.endswith('zookeeper') else 'api'
        members = [member for member in self.engine.members if getattr(member, service) is not None]
        executors = [member for member in members if member.kind == 'executor']
        member = among(executors * 2 + members, fault.pick)
        return getattr(member, service), member

    async def _wire(self, fault):
        link, member = self._link_of(fault)
        family = fault.kind.partition('-')[0]
        reset = fault.chance < 0.5
        hit = {member.program.pid} if family != 'delay' and member.kind == 'executor' else None
        if family in ('cut', 'oneway'):
            directions = [UP, DOWN] if family == 'cut' else [UP if fault.chance % 0.5 < 0.25 else DOWN]
            self._begin(fault, f'{link.name}, {" and ".join(directions)}', hit)
            for direction in directions:
                link.hold(direction)
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                for direction in directions:
                    link.release(direction, reset)
        elif family == 'refuse':
            self._begin(fault, link.name, hit)
            link.refuse(True)
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                link.refuse(False)
        else:
            self._begin(fault, link.name, hit)
            added = 0.05 + fault.chance * (0.6 if link is member.zookeeper else 1.5)
            link.delay += added
            try:
                await asyncio.sleep(fault.seconds)
            finally:
                link.delay = max(0.0, link.delay - added)
        await self._recover(fault, member.ready)

    async def _answers(self, fault):
        """The API's answers to one program, or to everybody."""
        members = [member for member in self.engine.members if member.api is not None]
        if fault.chance < 0.3:
            links, fault_name, ready = [member.api for member in members], 'everybody', self.engine.api.ready
            links.append(self.engine.submission)
        else:
            candidates = [(member.api, member.ready) for member in members]
            candidates.append((self.engine.submission, self.engine.api.ready))
            link, ready = among(candidates, fault.pick)
            links, fault_name = [link], link.name
        self._begin(fault, fault_name)
        kind = fault.kind.removeprefix('api-')
        assert kind in (api_link.REFUSED, api_link.FAILED_AFTER, api_link.DROPPED, api_link.HALF, api_link.STALLED)
        for link in links:
            link.disturb(kind, 0.5 + fault.chance / 2)
        try:
            await asyncio.sleep(fault.seconds)
        finally:
            for link in links:
                link.heal()
        await self._recover(fault, ready)

    def thaw_all(self):
        self._thaw(list(self._frozen))
        for program in [member.program for member in self.engine.members] + self.ensemble.servers:
            if program.stopped:
                program.signal(signal.SIGCONT)


class Disk:
    """The file system of job-api's database: a tmpfs of its own where that can be mounted."""

    def __init__(self, folder, size_mb):
        self.folder = folder
        self.size_mb = size_mb
        self.mounted = False
        self._ballast = os.path.join(folder, 'ballast')

    async def mount(self):
        os.makedirs(self.folder, exist_ok=True)
        # In a mount namespace of this harness and its children: whatever becomes of it, no mount is left.
        if os.geteuid() != 0 or ctypes.CDLL(None).unshare(NEW_MOUNT_NAMESPACE) != 0:
            return
        private = await asyncio.create_subprocess_exec('mount', '--make-rprivate', '/')
        if await private.wait() != 0:
            return
        process = await asyncio.create_subprocess_exec(
            'mount', '-t', 'tmpfs', '-o', f'size={self.size_mb}m', 'tmpfs', self.folder,
            stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL)
        self.mounted = await process.wait() == 0

    async def unmount(self, keep_in):
        if self.mounted:
            # What lies in memory is evidence, too.
            shutil.copytree(self.folder, keep_in, dirs_exist_ok=True)
            process = await asyncio.create_subprocess_exec('umount', self.folder)
            await process.wait()
            self.mounted = False

    def expect_limited(self):
        if not self.mounted:
            raise Skipped('no tmpfs for the database: that needs root and mount')

    def fill(self):
        with open(self._ballast, 'wb', buffering=0) as file:
            block = b'\0' * (1 << 20)
            while block:
                try:
                    while True:
                        file.write(block)
                except OSError:
                    block = block[:len(block) // 2]

    def empty(self):
        if os.path.exists(self._ballast):
            os.unlink(self._ballast)
