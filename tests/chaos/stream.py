"""The bounded stream of jobs. Only a submission that was answered with 201 counts."""
import asyncio
import json

from http_client import ADMINISTRATOR, request


class Stream:
    def __init__(self, engine, random, count, seconds):
        self.engine = engine
        self.random = random
        self.count = count
        self.seconds = seconds
        self.acknowledged = {}  # id -> name
        self.unclear = []       # names of jobs that may exist
        self.refused = []       # (name, status, message): a 4xx is an error of somebody
        self.done = False

    def _job(self, number):
        """Most are short; some take seconds, so that faults meet them; some ignore the stop; some run in a thread."""
        chance = self.random
        length = chance.randrange(2000, 8000) if chance.random() < self.engine.options.long_jobs else \
            chance.randrange(5, 400)
        payload = {'oracle': self.engine.oracle, 'ms': length, 'deaf': chance.random() < 0.15}
        if length > 200 and chance.random() < 0.5:
            payload['checkpoint'] = True
        action = 'chaos_shared' if chance.random() < 0.08 else 'chaos_oracle'
        document = {'name': f'chaos-{number}', 'action': action, 'payload': payload}
        if chance.random() < 0.3:
            document['priority'] = chance.choice([1, 50, 500])
        return document

    def _due(self, number):
        """Half of them evenly, half in ten bursts, so that faults meet an idle engine and one with a backlog."""
        steady, odd = divmod(number, 2)
        part = (2 * steady + 1) / self.count
        return min(part if not odd else (int(part * 10) + 0.4) / 10, 1.0) * self.seconds

    def _timetable(self):
        jobs = [(self._due(number), self._job(number)) for number in range(self.count)]
        return sorted(jobs, key=lambda one: one[0])

    async def run(self):
        """As many as it should be; while submissions fail, they pile up to a few at once."""
        loop = asyncio.get_running_loop()
        begin = loop.time()
        gate = asyncio.Semaphore(32)
        tasks = []
        for due, document in self._timetable():
            await asyncio.sleep(max(0.0, begin + due - loop.time()))
            await gate.acquire()
            tasks.append(asyncio.ensure_future(self._submit(document, gate)))
        await asyncio.gather(*tasks)
        self.done = True

    async def _submit(self, document, gate):
        """A submission without a clear answer is not repeated: it may exist. Another one takes its place."""
        attempt = 0
        name = document['name']
        port = self.engine.submission.ports[0]
        try:
            while True:
                attempt += 1
                document['name'] = f'{name}-{attempt}'
                try:
                    body = {**document, 'payload': json.dumps(document['payload'])}
                    answer = await request(port, 'POST', '/api/job', body, ADMINISTRATOR, seconds=6)
                except (OSError, ValueError):
                    self.unclear.append(document['name'])
                else:
                    if answer.status == 201:
                        self.acknowledged[answer.document['resource-id']] = document['name']
                        return
                    if answer.status < 500:
                        self.refused.append((document['name'], answer.status, answer.document))
                        return
                    self.unclear.append(document['name'])
                await asyncio.sleep(min(0.5 * attempt, 3.0))
        finally:
            gate.release()
