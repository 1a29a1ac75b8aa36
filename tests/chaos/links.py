"""The wires between the programs: a TCP proxy of ours stands in each, so that they can be cut, delayed and lied to
without root. What a cut holds back is delivered when it heals, as TCP would, or the connections are reset."""
import asyncio
import socket
import struct

UP, DOWN = 'up', 'down'  # from the program to its server, and back
CHUNK = 65536


def abort(writer):
    """Ends a connection by RST: what is under way is lost."""
    if writer.transport is None or writer.transport.is_closing():
        return
    plain = writer.get_extra_info('socket')
    if plain is not None:
        plain.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    writer.transport.abort()


class Link:
    """All connections of one program to one service, which may have several servers.

    hold(UP), hold(DOWN): bytes of that direction wait. refuse(): no connections. delay: seconds, each way.
    """

    def __init__(self, name, upstreams):
        self.name = name
        self.upstreams = upstreams  # ports
        self.ports = []
        self.delay = 0.0
        self.connections = 0
        self._refused = False
        self._gates = {UP: asyncio.Event(), DOWN: asyncio.Event()}
        self._holders = {UP: 0, DOWN: 0}
        self._servers = []
        self._open = set()    # writers of both ends
        self._tasks = set()
        for gate in self._gates.values():
            gate.set()

    async def start(self, ports):
        for upstream in self.upstreams:
            port = ports.one()
            server = await asyncio.start_server(self._accepting(upstream), '127.0.0.1', port)
            self._servers.append(server)
            self.ports.append(port)

    @property
    def hosts(self):
        return ','.join(f'127.0.0.1:{port}' for port in self.ports)

    # Faults may overlap: a direction is open again when the last of them is over.
    def hold(self, direction):
        self._holders[direction] += 1
        self._gates[direction].clear()

    def release(self, direction, reset=False):
        self._holders[direction] -= 1
        if reset:
            self.reset()
        if self._holders[direction] == 0:
            self._gates[direction].set()

    def refuse(self, refused):
        self._refused = refused
        if refused:
            self.reset()

    def reset(self):
        for writer in list(self._open):
            abort(writer)

    def stop(self):
        for server in self._servers:
            server.close()
        self.reset()
        for task in list(self._tasks):
            task.cancel()

    def _accepting(self, upstream):
        async def accept(reader, writer):
            task = asyncio.current_task()
            self._tasks.add(task)
            self._open.add(writer)
            self.connections += 1
            try:
                if self._refused:
                    return
                await self._serve(reader, writer, upstream)
            except (OSError, asyncio.IncompleteReadError, asyncio.CancelledError):
                pass
            finally:
                self._tasks.discard(task)
                self._open.discard(writer)
                abort(writer)
        return accept

    async def _connect(self, upstream):
        reader, writer = await asyncio.open_connection('127.0.0.1', upstream)
        self._open.add(writer)
        return reader, writer

    async def _serve(self, reader, writer, upstream):
        server_reader, server_writer = await self._connect(upstream)
        try:
            pumps = [asyncio.ensure_future(self._pump(reader, server_writer, UP)),
                     asyncio.ensure_future(self._pump(server_reader, writer, DOWN))]
            try:
                await asyncio.wait(pumps, return_when=asyncio.FIRST_COMPLETED)
            finally:
                for pump in pumps:
                    pump.cancel()
                await asyncio.gather(*pumps, return_exceptions=True)
        finally:
            self._open.discard(server_writer)
            server_writer.close()

    async def _pump(self, reader, writer, direction):
        """Bytes one way, in their order; the end of the connection takes the same way and time."""
        loop = asyncio.get_running_loop()
        underway = asyncio.Queue()

        async def receive():
            data = b'more'
            while data:
                try:
                    data = await reader.read(CHUNK)
                except OSError:
                    data = b''
                underway.put_nowait((loop.time() + self.delay, data))

        receiving = asyncio.ensure_future(receive())
        try:
            while True:
                due, data = await underway.get()
                await asyncio.sleep(max(0.0, due - loop.time()))
                await self._gates[direction].wait()
                if not data:
                    return
                writer.write(data)
                await writer.drain()
        finally:
            receiving.cancel()
            await asyncio.gather(receiving, return_exceptions=True)

    async def passage(self, direction):
        """Waits until something that goes this way now has arrived."""
        if self.delay:
            await asyncio.sleep(self.delay)
        await self._gates[direction].wait()
