"""Speaks the protocol of executable actions by hand, well or badly."""
import json
import os
import signal
import subprocess
import sys


def say(kind, **members):
    print(json.dumps({'type': kind, **members}), flush=True)


def hear():
    return json.loads(sys.stdin.readline())


def talks(job):
    say('progress', percent=40.5)
    say('status', text='half way')
    say('affected-resource', href='deployment/7')
    say('log', level='warning', text='a warning')
    say('api-call', id='own', method='GET', path=job['id'])
    answer = hear()
    say('status', text=f'{answer["id"]} {answer["status"]} {answer["body"]["state"]}, attempt {job["attempt"]}, '
                       f'checkpoint {job["checkpoint"]}')
    say('result', outcome='success')


def keeps(_):
    say('checkpoint', id=1, value={'done': 3})
    answer = hear()
    say('result', message='kept' if answer['kept'] else answer['reason'], **{'return-code': 1})


def stops(_):
    say('status', text='waiting')
    assert hear()['type'] == 'stop'
    say('result', outcome='failed', message='stopped well')


def holds_stdout(_):
    subprocess.Popen(['sleep', '600'], start_new_session=True)
    say('result', outcome='success')


def deaf(_):
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    say('status', text='deaf')
    while True:
        signal.pause()


def stays(_):
    say('result', outcome='success', message='done')
    signal.pause()


ACTS = {
    'talk': talks,
    'keep': keeps,
    'stop': stops,
    'hold stdout': holds_stdout,
    'be deaf': deaf,
    'stay': stays,
    'fail': lambda _: say('result', outcome='failed', message='no luck'),
    'fail with code': lambda _: say('result', message='code', **{'return-code': 5}),
    'retry': lambda _: say('result', outcome='retry-later', message='busy', **{'retry-delay': 2}),
    'skip': lambda _: say('result', outcome='skipped', message='there already'),
    'leave': lambda _: say('result', outcome='left-running'),
    'exit 0': lambda _: None,
    'exit 3': lambda _: sys.exit(3),
    'crash': lambda _: os.kill(os.getpid(), signal.SIGSEGV),
    'print': lambda _: print('hello, people', flush=True),
    'unknown type': lambda _: say('shout'),
    'bad member': lambda _: say('progress', percent='half'),
    'bad outcome': lambda _: say('result', outcome='great'),
    'huge line': lambda _: os.write(1, b'x' * (40 << 20)),
    'half a line': lambda _: os.write(1, b'{"type": "status", "te'),
    'close stdout': lambda _: (os.close(1), os._exit(4)),
}

if os.environ.get('JOB_TARGET') == 'reads/nothing':
    sys.stdin.close()
    say('result', outcome='success', message='never read it')
else:
    first = hear()
    ACTS[first['payload']['do']](first)
