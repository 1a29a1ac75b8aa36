#!/usr/bin/python3
"""The checks find what they are there for, and nothing else: each broken promise once, on made-up findings."""
import asyncio
import os
import tempfile
import types
import unittest

import checks
import schedule
from api_link import DROPPED, ApiLink, answer_of
from http_client import request
from links import DOWN, UP, Link
from oracle import Oracle
from processes import FreePorts

JOB = 'job/1'


class Made:
    """Findings of a campaign in which all went well; tests spoil them."""

    def __init__(self):
        handle, self.path = tempfile.mkstemp()
        os.close(handle)
        self.jobs = {}
        self.stream = types.SimpleNamespace(acknowledged={}, refused=[])
        self.engine = types.SimpleNamespace(changes=[], members=[])
        self.ensemble = types.SimpleNamespace(servers=[])
        self.faults = []
        self.leftovers = []
        self.queue = {'entries': set(), 'taken': set(), 'attempts': set()}
        self.wall_offset = 0.0
        self.oracle = Oracle(self.path)
        self.job(JOB)
        self.run('a', 1.0, 'start')
        self.run('a', 1.5, 'beat')
        self.run('a', 2.0, 'end')
        for number in range(4):
            self.job(f'job/tick{number}', name=f'chaos_tick@2026-01-01T00:00:{3 * number:02}.000Z', state='FAILED')
            self.jobs[f'job/tick{number}']['state'] = 'SUCCESS'
            self.run(f'tick{number}', 1.0, 'start', f'job/tick{number}')
            self.run(f'tick{number}', 2.0, 'end', f'job/tick{number}')

    def job(self, job, state='SUCCESS', name='chaos-1-1', updated='1970-01-01T00:00:03.000Z', message=''):
        self.jobs[job] = {'id': job, 'state': state, 'name': name, 'updated': updated, 'status-message': message}
        self.stream.acknowledged[job] = name

    def run(self, run, moment, word, job=JOB, attempt=1):
        with open(self.path, 'a', encoding='ascii') as file:
            file.write(f'{run} {job} {attempt} 10 11 {int(moment * 1e9)} {word}\n')

    def change(self, link, state, sent, answered, status=200, job=JOB):
        self.engine.changes.append(types.SimpleNamespace(
            link=link, method='PUT', path=f'/api/{job}', job=job, body={'state': state}, state=state, sent=sent,
            answered=answered, status=status, if_match=''))

    def violated(self):
        try:
            self.oracle.read()
            return sorted(checks.all_violations(self))
        finally:
            os.unlink(self.path)


class Checks(unittest.TestCase):
    def setUp(self):
        self.made = Made()

    def expect(self, *names):
        self.assertEqual(self.made.violated(), sorted(names))

    def test_all_is_well(self):
        self.made.change('one', 'RUNNING', 1.0, 1.1)
        self.made.change('one', 'SUCCESS', 2.0, 2.1)
        self.expect()

    def test_an_acknowledged_job_is_gone(self):
        self.made.stream.acknowledged['job/2'] = 'chaos-2-1'
        self.expect('acknowledged_jobs_are_final')

    def test_an_acknowledged_job_stays_open(self):
        self.made.job('job/2', 'RUNNING')
        self.expect('acknowledged_jobs_are_final')

    def test_an_unclear_job_stays_open(self):
        self.made.job('job/2', 'QUEUED')
        del self.made.stream.acknowledged['job/2']
        self.expect('every_job_is_final')

    def test_a_job_failed(self):
        self.made.job('job/2', 'FAILED')
        self.expect('no_job_failed')

    def test_success_without_a_run(self):
        self.made.job('job/2')
        self.expect('success_was_earned')

    def test_success_of_a_run_that_broke_off(self):
        self.made.job(JOB, message='run 7-7')
        self.made.run('7-7', 2.1, 'start')
        self.expect('success_was_earned')

    def test_runs_overlap(self):
        self.made.run('b', 1.2, 'start', attempt=2)
        self.made.run('b', 1.3, 'end', attempt=2)
        self.expect('no_two_runs_overlap')

    def test_runs_follow_each_other(self):
        self.made.run('b', 2.1, 'start', attempt=2)
        self.made.run('b', 2.3, 'end', attempt=2)
        self.expect()

    def test_a_run_begins_after_the_end(self):
        self.made.run('b', 3.5, 'start', attempt=2)
        self.made.run('b', 3.6, 'end', attempt=2)
        self.expect('nothing_runs_after_the_end')

    def test_a_checkpoint_is_lost(self):
        self.made.run('a', 1.6, 'kept')
        self.made.run('b', 2.1, 'start', attempt=2)
        self.made.run('b', 2.3, 'end', attempt=2)
        self.expect('checkpoints_are_kept')

    def test_a_checkpoint_is_handed_on(self):
        self.made.run('a', 1.6, 'kept')
        self.made.run('b', 2.1, 'start', attempt=2)
        self.made.run('b', 2.1, 'from:a', attempt=2)
        self.made.run('b', 2.3, 'end', attempt=2)
        self.expect()

    def test_two_final_records(self):
        self.made.change('one', 'SUCCESS', 2.0, 2.1)
        self.made.change('two', 'SUCCESS', 2.2, 2.3)
        self.expect('one_final_record')

    def test_a_second_final_record_was_refused(self):
        self.made.change('one', 'SUCCESS', 2.0, 2.1)
        self.made.change('two', 'SUCCESS', 2.2, 2.3, status=409)
        self.expect()

    def test_a_stale_write(self):
        self.made.change('one', 'RUNNING', 1.0, 1.1)
        self.made.change('two', 'RUNNING', 1.5, 1.6)
        self.made.change('one', 'SUCCESS', 1.7, 1.8)
        self.expect('one_final_record')

    def test_a_tick_twice(self):
        self.made.job('job/again', name='chaos_tick@2026-01-01T00:00:03.000Z')
        self.made.run('again', 1.0, 'start', 'job/again')
        self.made.run('again', 2.0, 'end', 'job/again')
        self.expect('every_tick_once')

    def test_a_tick_is_missing(self):
        del self.made.jobs['job/tick2'], self.made.stream.acknowledged['job/tick2']
        self.expect('every_tick_once')

    def test_a_tick_out_of_time(self):
        self.made.jobs['job/tick3']['name'] = 'chaos_tick@2026-01-01T00:00:08.000Z'
        self.expect('every_tick_once')

    def test_something_is_left(self):
        self.made.queue['attempts'].add('entry-999-0000000001')
        self.expect('nothing_is_left')

    def test_a_submission_is_refused(self):
        self.made.stream.refused.append(('chaos-3-1', 400, {}))
        self.expect('submissions_are_not_refused')

    def _member(self, deaths, log=os.devnull):
        program = types.SimpleNamespace(name='executor-1', deaths=deaths, log=log)
        self.made.engine.members.append(types.SimpleNamespace(kind='executor', name='executor-1', program=program))

    def test_ends_that_were_made(self):
        self._member([(1.0, -9, 'kill-executor'), (2.0, 0, 'terminate-executor'), (3.0, 5, '')])
        self.expect()

    def test_an_end_by_itself(self):
        self._member([(1.0, -6, '')])
        self.expect('ends_are_expected')

    def test_an_end_that_had_to_be_forced(self):
        self._member([(1.0, -9, 'terminate-executor did not end it')])
        self.expect('ends_are_expected')

    def test_a_log_with_an_alarm(self):
        with tempfile.NamedTemporaryFile('w', suffix='.log') as log:
            log.write('fine\nx.cpp:3: runtime error: signed integer overflow\n')
            log.flush()
            self._member([], log.name)
            self.expect('logs_are_clean')


class Schedule(unittest.TestCase):
    def test_the_seed_decides(self):
        first, again, other = ([str(fault) for fault in schedule.plan(seed, 60, 100)] for seed in (1, 1, 2))
        self.assertEqual(first, again)
        self.assertNotEqual(first, other)

    def test_every_kind_comes_when_there_is_room(self):
        kinds = {fault.kind for fault in schedule.plan(1, 60, 100)}
        self.assertEqual(kinds, {*schedule.KINDS, *schedule.ONCE})


class Wires(unittest.IsolatedAsyncioTestCase):
    async def asyncSetUp(self):
        async def answer(reader, writer):
            try:
                while await reader.readuntil(b'\r\n\r\n'):
                    self.requests += 1
                    writer.write(answer_of(200, 'hello'))
            except (asyncio.IncompleteReadError, OSError):
                pass
            finally:
                writer.close()
        self.requests = 0
        ports = FreePorts()
        self.port = ports.one()
        self.server = await asyncio.start_server(answer, '127.0.0.1', self.port)
        self.changes = []
        self.plain = Link('plain', [self.port])
        self.api = ApiLink('api', [self.port], self.changes, types.SimpleNamespace(random=lambda: 0.0))
        await self.plain.start(ports)
        await self.api.start(ports)

    async def asyncTearDown(self):
        self.plain.stop()
        self.api.stop()
        self.server.close()
        await asyncio.sleep(0.05)  # the ends of the connections

    async def ask(self, link, method='GET', seconds=5.0):
        return (await request(link.ports[0], method, '/api/job', seconds=seconds)).status

    async def test_they_pass_on(self):
        self.assertEqual(await self.ask(self.plain), 200)
        self.assertEqual(await self.ask(self.api, 'POST'), 200)
        self.assertEqual([(change.method, change.status) for change in self.changes], [('POST', 200)])

    async def test_what_is_held_arrives_later(self):
        for link in (self.plain, self.api):
            for direction, seen in ((UP, 0), (DOWN, 1)):
                self.requests = 0
                link.hold(direction)
                asking = asyncio.ensure_future(self.ask(link))
                done, _ = await asyncio.wait([asking], timeout=0.3)
                self.assertFalse(done)
                self.assertEqual(self.requests, seen)
                link.release(direction)
                self.assertEqual(await asking, 200)

    async def test_refused_and_reset(self):
        self.plain.refuse(True)
        with self.assertRaises(OSError):
            await self.ask(self.plain)
        self.plain.refuse(False)
        self.assertEqual(await self.ask(self.plain), 200)

    async def test_an_answer_is_dropped_after_it_was_done(self):
        self.api.disturb(DROPPED)
        with self.assertRaises(OSError):
            await self.ask(self.api, 'POST')
        self.assertEqual(self.requests, 1)
        self.assertEqual(self.changes[0].status, 200)
        self.api.heal()
        self.assertEqual(await self.ask(self.api), 200)


if __name__ == '__main__':
    unittest.main()
