#!/usr/bin/python3
"""The Python module for actions, with this test in the place of the engine.

usage: jobengine_module_test.py FOLDER_OF_THE_MODULE
"""
import json
import os
import subprocess
import sys
import textwrap
import unittest

MODULE_FOLDER = sys.argv.pop(1)


class Engine:
    """One run of a handler, given as the body of `def handle(job):`."""

    def __init__(self, body, **job):
        program = 'import jobengine\ndef handle(job):\n' + textwrap.indent(textwrap.dedent(body), '    ') + \
            '\njobengine.run(handle)\n'
        self.process = subprocess.Popen([sys.executable, '-c', program], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, env=dict(os.environ, PYTHONPATH=MODULE_FOLDER))
        first = {'type': 'job', 'protocol': 1, 'id': 'job/1', 'action': 'a', 'target': None, 'payload': None, 'attempt': 1,
                 'resumed': False, 'checkpoint': None, 'job': {'state': 'RUNNING'}}
        self.say(**{**first, **job})

    def say(self, **message):
        self.process.stdin.write(json.dumps(message) + '\n')
        self.process.stdin.flush()

    def hear(self):
        line = self.process.stdout.readline()
        return json.loads(line) if line else None

    def rest(self):
        out, self.errors = self.process.communicate(timeout=60)
        return [json.loads(line) for line in out.splitlines()]


class ModuleTest(unittest.TestCase):
    def test_says_what_it_is_told_to(self):
        engine = Engine('''
            job.progress(50)
            job.status('half way')
            job.log('careful', level='warning')
            job.add_affected_resource('x/1')
            print('for people')
        ''')
        self.assertEqual(engine.rest(), [
            {'type': 'progress', 'percent': 50}, {'type': 'status', 'text': 'half way'},
            {'type': 'log', 'level': 'warning', 'text': 'careful'}, {'type': 'affected-resource', 'href': 'x/1'},
            {'type': 'result', 'outcome': 'success'}])
        self.assertEqual(engine.errors, 'for people\n')

    def test_knows_its_job(self):
        engine = Engine('''
            assert (job.id, job.action, job.target, job.attempt, job.resumed) == ('job/1', 'a', 'x/1', 2, True)
            assert job.payload == {'n': 1} and job.checkpoint == {'done': 3} and job.document == {'state': 'RUNNING'}
        ''', target='x/1', attempt=2, resumed=True, payload={'n': 1}, checkpoint={'done': 3})
        self.assertEqual(engine.rest(), [{'type': 'result', 'outcome': 'success'}])

    def test_ends_in_each_way(self):
        for body, result in [
                ('return 3', {'outcome': 'failed', 'return-code': 3}),
                ('return 0', {'outcome': 'success'}),
                ('return -1', {'outcome': 'failed', 'return-code': 1,
                               'message': 'the handler returned -1, which is no return code; recorded as 1'}),
                ('raise ValueError("odd " + b"\\xff".decode("utf-8", "surrogateescape"))',
                 {'outcome': 'failed', 'message': 'ValueError: odd ?'}),
                ('return "x"', {'outcome': 'failed', 'message': "TypeError: the handler returned 'x'; expected None or a return code"}),
                ('job.fail("no luck", 7)', {'outcome': 'failed', 'message': 'no luck', 'return-code': 7}),
                ('job.retry_later("busy", delay=2)', {'outcome': 'retry-later', 'message': 'busy', 'retry-delay': 2}),
                ('job.skip("there")', {'outcome': 'skipped', 'message': 'there'}),
                ('job.left_running()', {'outcome': 'left-running'}),
                ('raise ValueError("odd")', {'outcome': 'failed', 'message': 'ValueError: odd'}),
                ('try:\n    job.skip("there")\nexcept Exception:\n    pass', {'outcome': 'skipped', 'message': 'there'})]:
            with self.subTest(body):
                engine = Engine(body)
                self.assertEqual(engine.rest(), [{'type': 'result', **result}])
        engine = Engine('raise ValueError("odd")')
        engine.rest()
        self.assertIn('Traceback', engine.errors)

    def test_checkpoints_are_kept_or_an_error(self):
        engine = Engine('job.save_checkpoint({"done": 1})\njob.save_checkpoint(2)')
        asked = engine.hear()
        self.assertEqual(asked['value'], {'done': 1})
        engine.say(type='checkpoint-kept', id=asked['id'], kept=True)
        engine.say(type='checkpoint-kept', id=engine.hear()['id'], kept=False, reason='too late')
        self.assertEqual(engine.rest(), [{'type': 'result', 'outcome': 'failed', 'message': 'CheckpointError: too late'}])

    def test_calls_the_api_from_several_threads(self):
        engine = Engine('''
            import threading
            found = []
            threads = [threading.Thread(target=lambda n=n: found.append(job.api.get(f'x/{n}')['n'] == n)) for n in (1, 2)]
            [thread.start() for thread in threads]
            [thread.join() for thread in threads]
            assert found == [True, True]
            job.api.as_identity('user/jane user/jane').search('job', filter="state='QUEUED'", last=0)
        ''')
        for asked in reversed([engine.hear(), engine.hear()]):
            engine.say(type='api-answer', id=asked['id'], status=200, body={'n': int(asked['path'][2:])})
        search = engine.hear()
        self.assertEqual((search['method'], search['path'], search['as']), ('PUT', 'job', 'user/jane user/jane'))
        self.assertEqual(search['body'], 'filter=state%3D%27QUEUED%27&last=0')
        engine.say(type='api-answer', id=search['id'], status=200, body={'count': 0})
        self.assertEqual(engine.rest(), [{'type': 'result', 'outcome': 'success'}])

    def test_an_answer_that_is_no_success_is_an_error(self):
        engine = Engine('job.api.delete("x/1")')
        engine.say(type='api-answer', id=engine.hear()['id'], status=403, body={'message': 'not yours'})
        self.assertEqual(engine.rest()[0]['message'], 'ApiError: DELETE x/1: 403: not yours')

    def test_hears_a_stop(self):
        engine = Engine('job.status("waiting")\nassert job.wait_for_stop(60) and job.stop_requested\njob.fail("stopped")')
        self.assertEqual(engine.hear()['text'], 'waiting')
        engine.say(type='stop')
        self.assertEqual(engine.rest(), [{'type': 'result', 'outcome': 'failed', 'message': 'stopped'}])

    def test_says_what_it_is_when_started_by_hand(self):
        done = subprocess.run([sys.executable, '-c', 'import jobengine; jobengine.run(print)'], stdin=subprocess.DEVNULL,
                              capture_output=True, text=True, env=dict(os.environ, PYTHONPATH=MODULE_FOLDER), check=False)
        self.assertEqual(done.returncode, 1)
        self.assertIn('jobctl run', done.stderr)


if __name__ == '__main__':
    unittest.main()
