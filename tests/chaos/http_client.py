"""Requests of the harness itself, over asyncio; one connection each."""
import asyncio
import json
import urllib.parse

from api_link import read_message

ADMINISTRATOR = {'nuvla-authn-info': 'group/nuvla-admin group/nuvla-admin'}


class Answer:
    def __init__(self, status, document, body=b''):
        self.status = status
        self.document = document
        self.body = body


async def request(port, method, path, document=None, headers=None, seconds=10.0):
    """Raises OSError when there is no answer in time."""
    async def talk():
        reader, writer = await asyncio.open_connection('127.0.0.1', port, limit=1 << 26)
        try:
            body = b'' if document is None else json.dumps(document).encode()
            lines = [f'{method} {path} HTTP/1.1', 'Host: localhost', 'Connection: close',
                     f'Content-Length: {len(body)}']
            if document is not None:
                lines.append('Content-Type: application/json')
            lines += [f'{name}: {value}' for name, value in (headers or {}).items()]
            writer.write(('\r\n'.join(lines) + '\r\n\r\n').encode() + body)
            await writer.drain()
            answer = await read_message(reader)
            if answer is None:
                raise ConnectionResetError('closed without an answer')
            try:
                parsed = json.loads(answer.body) if answer.body else None
            except ValueError:
                parsed = None
            return Answer(answer.status, parsed, answer.body)
        finally:
            writer.close()
    try:
        return await asyncio.wait_for(talk(), seconds)
    except asyncio.TimeoutError as late:
        raise OSError('no answer in time') from late
    except asyncio.IncompleteReadError as cut:
        raise OSError('the answer broke off') from cut


async def search_jobs(port, select, condition, first=1, last=1000):
    """Rows, and how many match in all."""
    query = urllib.parse.urlencode({'first': first, 'last': last, 'orderby': 'id', 'select': select,
                                    'filter': condition})
    answer = await request(port, 'GET', f'/api/job?{query}', headers=ADMINISTRATOR, seconds=30)
    if answer.status != 200:
        raise OSError(f'the search is answered {answer.status}: {answer.document}')
    return answer.document.get('resources', []), answer.document['count']


async def all_jobs(port, select):
    """Every job there is, by id. Rows behind the 10000th cannot be reached, so that it goes on from the last id."""
    found, condition = {}, "id!=null"
    while True:
        rows, count = await search_jobs(port, select, condition)
        for row in rows:
            found[row['id']] = row
        if not rows or count <= len(rows):
            return found
        condition = f"id>'{rows[-1]['id']}'"
