"""Actions of the job engine in Python, with nothing but the standard library (3.9 or later).

    import jobengine

    def count(job):
        for number, name in enumerate(job.payload["files"], 1):
            job.log(f"{name}: {len(open(name).read().split())} words")
            job.progress(100 * number / len(job.payload["files"]))
            if job.stop_requested:
                job.fail("stopped")
        job.status("done")

    jobengine.run(count)

The handler's return ends the job: None or 0 is SUCCESS, another number FAILED with that return code. What it raises
makes the job FAILED, with the traceback in the job's log. job.fail(), job.retry_later() and job.skip() end the run where they
stand. print() goes to the job's log. Protocol: docs/protocols/executable_actions.md.
"""
import json
import os
import sys
import threading
import traceback

__all__ = ['ApiError', 'CheckpointError', 'Job', 'run']

_PROTOCOL = 1


class ApiError(Exception):
    """An answer of the resource API outside 2xx, or none at all (status 0)."""

    def __init__(self, request, status, body):
        self.status = status
        self.body = body
        reason = body.get('message', body) if isinstance(body, dict) else body
        super().__init__(f'{request}: {status or "no answer"}: {reason}')


class CheckpointError(Exception):
    """The checkpoint was not kept; the text says why."""


class _End(BaseException):
    """Leaves the handler; not an Exception, so that its own `except Exception` lets it pass."""

    def __init__(self, result):
        super().__init__(result)
        self.result = result


class _Conversation:
    """Lines to and from the engine. A thread reads; any thread may write."""

    def __init__(self, source, sink):
        self._source = source
        self._sink = sink
        self._lock = threading.Lock()
        self._answered = threading.Condition()
        self._answers = {}
        self._last_id = 0
        self.over = False
        self.stop = threading.Event()
        self.job = self._first_line()
        threading.Thread(target=self._listen, name='jobengine', daemon=True).start()

    def _first_line(self):
        line = self._source.readline()
        if not line:
            sys.exit('This program is an action of the job engine, which starts it; by hand: jobctl run')
        first = json.loads(line)
        if first.get('type') != 'job' or first.get('protocol') != _PROTOCOL:
            sys.exit(f'the engine speaks protocol {first.get("protocol")}, this module speaks {_PROTOCOL}')
        return first

    def _listen(self):
        for line in self._source:
            message = json.loads(line)
            if message['type'] == 'stop':
                self.stop.set()
            elif 'id' in message:
                with self._answered:
                    self._answers[message['id']] = message
                    self._answered.notify_all()
        with self._answered:
            self.over = True
            self._answered.notify_all()

    def say(self, kind, **members):
        line = json.dumps({'type': kind, **members}, ensure_ascii=False, allow_nan=False) + '\n'
        with self._lock:
            self._sink.write(line)
            self._sink.flush()

    def ask(self, kind, **members):
        """Says it and returns the answer; None when the engine closed the conversation first."""
        with self._lock:
            self._last_id += 1
            number = self._last_id
        self.say(kind, id=number, **members)
        with self._answered:
            self._answered.wait_for(lambda: number in self._answers or self.over)
            return self._answers.pop(number, None)


class Api:
    """The resource API, on the job's behalf. Every call returns the answer's JSON or raises ApiError."""

    def __init__(self, conversation, identity=None):
        self._conversation = conversation
        self._identity = identity

    def as_identity(self, identity):
        """The same, acting as somebody else: "user/jane user/jane group/nuvla-user"."""
        return Api(self._conversation, identity)

    def request(self, method, path, body=None, headers=None, content_type=None):
        members = {'method': method, 'path': path}
        if body is not None:
            members['body'] = body
        if headers:
            members['headers'] = headers
        if content_type:
            members['content-type'] = content_type
        if self._identity:
            members['as'] = self._identity
        answer = self._conversation.ask('api-call', **members)
        if answer is None:
            raise ApiError(f'{method} {path}', 0, 'the engine is gone')
        if not 200 <= answer['status'] <= 299:
            raise ApiError(f'{method} {path}', answer['status'], answer.get('body'))
        return answer.get('body')

    def get(self, path):
        return self.request('GET', path)

    def post(self, path, body):
        return self.request('POST', path, body)

    def put(self, path, body):
        return self.request('PUT', path, body)

    def delete(self, path):
        return self.request('DELETE', path)

    def search(self, collection, **parameters):
        """The collection document: search('job', filter="state='QUEUED'", last=10, select='id, state')."""
        from urllib.parse import urlencode
        return self.request('PUT', collection, urlencode(parameters), content_type='application/x-www-form-urlencoded')


class Job:
    """One run of one job. All of it may be used from any thread."""

    def __init__(self, conversation):
        self._conversation = conversation
        first = conversation.job
        self.id = first['id']
        self.action = first['action']
        self.target = first['target']  # href of the target resource, or None
        self.payload = first['payload'] if first['payload'] is not None else {}
        self.attempt = first['attempt']  # 1: taken for the first time
        self.resumed = first['resumed']  # an earlier attempt was cut off
        self.checkpoint = first['checkpoint']  # what an earlier attempt saved last, or None
        self.document = first['job']
        self.api = Api(conversation)

    @property
    def stop_requested(self):
        return self._conversation.stop.is_set()

    def wait_for_stop(self, seconds):
        """Sleeps at most so long; True at once when a stop is requested."""
        return self._conversation.stop.wait(seconds)

    def progress(self, percent):
        self._conversation.say('progress', percent=percent)

    def status(self, text):
        self._conversation.say('status', text=str(text))

    def log(self, text, level='info'):
        """level: debug, info, warning or error."""
        self._conversation.say('log', level=level, text=str(text))

    def add_affected_resource(self, href):
        self._conversation.say('affected-resource', href=href)

    def save_checkpoint(self, value):
        """Returns when the value (JSON, at most 256 KiB) is kept for the next attempt; else CheckpointError."""
        answer = self._conversation.ask('checkpoint', value=value)
        if answer is None or not answer['kept']:
            raise CheckpointError('the engine is gone' if answer is None else answer.get('reason', 'no reason is known'))

    def fail(self, message, return_code=None):
        result = {'outcome': 'failed', 'message': str(message)}
        if return_code:
            result['return-code'] = return_code
        raise _End(result)

    def retry_later(self, message, delay=None):
        """Puts the job back into the queue; `delay` in seconds: not before so long."""
        result = {'outcome': 'retry-later', 'message': str(message)}
        if delay is not None:
            result['retry-delay'] = delay
        raise _End(result)

    def skip(self, message):
        raise _End({'outcome': 'skipped', 'message': str(message)})

    def left_running(self):
        raise _End({'outcome': 'left-running'})


def _result_of(handler, job):
    try:
        returned = handler(job)
        if returned is None or returned is True:
            return {'outcome': 'success'}
        if isinstance(returned, int):
            if returned == 0:
                return {'outcome': 'success'}
            if 0 < returned < 2**31:
                return {'outcome': 'failed', 'return-code': returned}
            return {'outcome': 'failed', 'return-code': 1,
                    'message': f'the handler returned {returned}, which is no return code; recorded as 1'}
        raise TypeError(f'the handler returned {returned!r}; expected None or a return code')
    except _End as end:
        return end.result
    except Exception as error:  # pylint: disable=broad-except
        traceback.print_exc()
        return {'outcome': 'failed', 'message': f'{type(error).__name__}: {error}'}


def run(handler):
    """Runs handler(job) for the job the engine hands over, and ends the program."""
    # The conversation has the true stdin and stdout to itself: print() becomes a line of the job's log, and what the handler
    # starts inherits neither.
    source = os.fdopen(os.dup(0), 'r', encoding='utf-8')
    # Names of files need not be UTF-8.
    sink = os.fdopen(os.dup(1), 'w', encoding='utf-8', errors='replace')
    os.dup2(2, 1)
    nothing = os.open(os.devnull, os.O_RDONLY)
    os.dup2(nothing, 0)
    os.close(nothing)
    conversation = _Conversation(source, sink)
    result = _result_of(handler, Job(conversation))
    sys.stdout.flush()
    sys.stderr.flush()
    conversation.say('result', **result)
    os._exit(0)  # threads of the handler that are still busy do not keep the job
