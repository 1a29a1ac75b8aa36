"""ZooKeeper's tree as the harness sees it, on connections of its own that no fault touches."""
import asyncio
import logging

from kazoo.client import KazooClient
from kazoo.exceptions import KazooException, NoNodeError, NotEmptyError
from kazoo.handlers.threading import KazooTimeoutError

FOLDERS = ('entries', 'taken', 'attempts')


class Tree:
    """Each call is made on a thread, so that the loop of the proxies goes on."""

    def __init__(self, hosts):
        logging.getLogger('kazoo').setLevel(logging.CRITICAL)
        self._hosts = hosts

    async def _with_client(self, work):
        def on_thread():
            client = KazooClient(hosts=self._hosts, timeout=5)
            try:
                client.start(timeout=15)
                return work(client)
            finally:
                client.stop()
                client.close()
        return await asyncio.to_thread(on_thread)

    async def queue(self):
        """Folder -> names in it; None when ZooKeeper does not answer."""
        def work(client):
            found = {}
            for folder in FOLDERS:
                try:
                    found[folder] = set(client.get_children(f'/job/{folder}'))
                except NoNodeError:
                    found[folder] = set()
            return found
        try:
            return await self._with_client(work)
        except (KazooException, KazooTimeoutError, OSError):
            return None

    async def describe(self, folder, names):
        """What is in some nodes, for a report."""
        def work(client):
            lines = []
            for name in sorted(names)[:20]:
                try:
                    data, stat = client.get(f'/job/{folder}/{name}')
                    lines.append(f'{folder}/{name} {data.decode(errors="replace")} version {stat.version} '
                                 f'session {stat.ephemeralOwner:x}')
                except NoNodeError:
                    pass
            return lines
        try:
            return await self._with_client(work)
        except (KazooException, KazooTimeoutError, OSError):
            return []

    async def add_entry(self, priority, job):
        """A further entry of a job, as a put makes whose answer was lost and that was repeated. Whether it could."""
        def work(client):
            client.create(f'/job/entries/entry-{priority:03}-', job.encode(), sequence=True)
            return True
        try:
            return await self._with_client(work)
        except (KazooException, KazooTimeoutError, OSError):
            return False

    async def wipe(self):
        """Removes /job with all that is in it, while the engine works on it. Whether it could."""
        def work(client):
            # Each try removes what is there; the folders stay when somebody has made a node meanwhile.
            for _ in range(20):
                try:
                    client.delete('/job', recursive=True)
                    return True
                except NotEmptyError:
                    continue
            return True
        try:
            return await self._with_client(work)
        except (KazooException, KazooTimeoutError, OSError):
            return False
