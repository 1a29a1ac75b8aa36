"""The wire to the resource API: a proxy that understands HTTP, so that single answers can be lost or replaced, and that
writes down each change that was asked for and what was answered."""
import asyncio
import json

from links import DOWN, UP, Link
from processes import boot_time

# What happens to a request while a fault of the link lasts.
REFUSED, FAILED_AFTER, DROPPED, HALF, STALLED = 'refused', 'failed-after', 'dropped', 'half', 'stalled'


class Message:
    """A request or an answer as it was on the wire."""

    def __init__(self, first, headers, head, body):
        self.first = first
        self.headers = headers
        self.head = head
        self.body = body
        self.keeps_connection = headers.get('connection', '').lower() != 'close'

    @property
    def wire(self):
        return self.head + self.body

    @property
    def status(self):
        return int(self.first.split()[1])


async def read_message(reader, no_body=False):
    """None at the end of the connection. Of an answer that ends with the connection, all of it."""
    try:
        head = await reader.readuntil(b'\r\n\r\n')
    except asyncio.IncompleteReadError as end:
        if end.partial:
            raise
        return None
    lines = head.decode('latin-1').split('\r\n')
    headers = {}
    for line in lines[1:]:
        name, colon, value = line.partition(':')
        if colon:
            headers[name.strip().lower()] = value.strip()
    message = Message(lines[0], headers, head, b'')
    if no_body:
        return message
    if 'chunked' in headers.get('transfer-encoding', '').lower():
        message.body = await read_chunks(reader)
    elif 'content-length' in headers:
        message.body = await reader.readexactly(int(headers['content-length']))
    return message


async def read_chunks(reader):
    body = b''
    while True:
        line = await reader.readuntil(b'\r\n')
        size = int(line.split(b';')[0], 16)
        body += line + await reader.readexactly(size + 2)
        if size == 0:
            return body


def answer_of(status, text):
    body = json.dumps({'status': status, 'message': text}).encode()
    return (f'HTTP/1.1 {status} Fault\r\nContent-Type: application/json\r\n'
            f'Content-Length: {len(body)}\r\n\r\n').encode() + body


class Change:
    """One request that may change something, for the check of stale writes."""

    def __init__(self, link, request):
        self.link = link
        self.method, self.path = request.first.split()[:2]
        self.if_match = request.headers.get('if-match', '')
        self.sent = boot_time()  # when it was passed on
        self.answered = None
        self.status = None       # None: nobody knows whether it counts
        self.body = None
        if self.path.startswith('/api/job/') and request.body[:1] == b'{':
            try:
                self.body = json.loads(request.body)
            except ValueError:
                pass

    @property
    def state(self):
        return self.body.get('state') if isinstance(self.body, dict) else None

    @property
    def job(self):
        return self.path.partition('?')[0].removeprefix('/api/')


class ApiLink(Link):
    """fault: what happens to requests that are under way, with the probability `share`."""

    def __init__(self, name, upstreams, changes, random):
        super().__init__(name, upstreams)
        self.fault = None
        self.share = 1.0
        self.disturbed = 0
        self._changes = changes
        self._random = random
        self._healed = asyncio.Event()

    def disturb(self, fault, share=1.0):
        self.fault = fault
        self.share = share
        self._healed.clear()

    def heal(self):
        self.fault = None
        self._healed.set()

    async def _serve(self, reader, writer, upstream):
        # To be closed when the program goes away while its request is held: the request still arrives, as one
        # that was on its way.
        server = None
        try:
            while True:
                request = await read_message(reader)
                if request is None:
                    return
                if server is None:
                    server = await self._connect(upstream)
                if not await self._exchange(request, writer, *server):
                    return
        finally:
            if server is not None:
                self._open.discard(server[1])
                server[1].close()

    async def _exchange(self, request, writer, server_reader, server_writer):
        """Whether the connection goes on."""
        fault = self.fault if self.fault and self._random.random() < self.share else None
        self.disturbed += fault is not None
        if fault == STALLED:
            await self._healed.wait()
            return False
        await self.passage(UP)
        if fault == REFUSED:
            writer.write(answer_of(self._random.choice([500, 502, 503, 504]), 'a fault of the campaign'))
            await writer.drain()
            return True
        change = None
        if not request.first.startswith('GET '):
            change = Change(self.name, request)
            self._changes.append(change)
        server_writer.write(request.wire)
        await server_writer.drain()
        answer = await read_message(server_reader, no_body=request.first.startswith('HEAD '))
        if answer is None:
            return False
        if change is not None:
            change.answered = boot_time()
            change.status = answer.status
        await self.passage(DOWN)
        if fault == DROPPED:
            return False
        if fault == FAILED_AFTER:
            writer.write(answer_of(504, 'a fault of the campaign, after it was done'))
        elif fault == HALF:
            writer.write(answer.wire[:len(answer.wire) // 2])
            await writer.drain()
            writer.close()
            return False
        else:
            writer.write(answer.wire)
        await writer.drain()
        return answer.keeps_connection
