#!/usr/bin/python3
"""Runs the requests that the documentation shows against a real job-api and compares the answers with the text.

usage: documented_requests.py ROOT BIN_DIRECTORY DOCUMENT...

A block after a line `<!-- server -->` says how the server is started: `$ NAME=value… job-api OPTION…`. The lines of the
blocks after a line `<!-- run -->` are run in order, in one shell: those with `$ ` in front are commands (with `> `: goes
on), the others what is printed. `…` in those stands for anything, in a line of its own for any lines.
"""
import os
import re
import shlex
import signal
import subprocess
import sys
import tempfile

BLOCK = re.compile(r'^<!-- (server|run) -->\n```\w*\n(.*?)^```$', re.M | re.S)
SHOWN_URL = 'http://127.0.0.1:8200'
MARK = '-- end of output --'


class Server:
    def __init__(self, root, binaries, folder, line):
        words = shlex.split(line)
        program = words.index('job-api')
        environment = dict(os.environ, **dict(word.split('=', 1) for word in words[:program]))
        options = [os.path.join(root, word) if os.path.exists(os.path.join(root, word)) else word
                   for word in words[program + 1:]]
        self.process = subprocess.Popen(
            [os.path.join(binaries, 'job-api'), '--listen', '127.0.0.1:0', '--zk-hosts', '127.0.0.1:1',
             '--database', os.path.join(folder, 'store.sqlite'), *options],
            env=environment, stdout=subprocess.PIPE, stderr=open(os.path.join(folder, 'log'), 'w'), text=True)
        said = self.process.stdout.readline()
        if not said.startswith('job-api listens on '):
            self.stop()
            with open(os.path.join(folder, 'log'), encoding='utf-8') as log:
                raise SystemExit(f'{line}\n{said}{log.read()}')
        self.url = said.split()[-1]

    def stop(self):
        self.process.send_signal(signal.SIGTERM)
        self.process.wait(60)


def steps(block):
    """[(command, expected output)]"""
    found = []
    for line in block.splitlines():
        if line.startswith('$ '):
            found.append((line[2:], []))
        elif line.startswith('> ') and found and not found[-1][1]:
            found[-1] = (found[-1][0] + '\n' + line[2:], [])
        else:
            found[-1][1].append(line)
    return [(command, '\n'.join(lines).strip()) for command, lines in found]


def pattern(expected):
    lines = [r'(?:[^\n]*\n?)*?' if line.strip() == '…' else '.*?'.join(map(re.escape, line.split('…'))) + r'\n'
             for line in expected.splitlines()]
    return re.compile(''.join(lines))


def run(commands, url, folder):
    """What each of them printed."""
    script = ''.join(f"{command.replace(SHOWN_URL, url)}\necho; echo '{MARK}'\n" for command in commands)
    done = subprocess.run(['bash', '-c', script], cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                          stdin=subprocess.DEVNULL, timeout=120, check=False)
    return [text.replace(url, SHOWN_URL).strip() for text in done.stdout.split(MARK)]


def check(root, binaries, document):
    with open(os.path.join(root, document), encoding='utf-8') as stream:
        blocks = BLOCK.findall(stream.read())
    servers = [text for kind, text in blocks if kind == 'server']
    wanted = [step for kind, text in blocks if kind == 'run' for step in steps(text)]
    if len(servers) != 1 or not wanted:
        return [f'{document}: one server and requests expected, {len(servers)} and {len(wanted)} found']
    complaints = []
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(root, os.path.join(folder, 'repository'))
        server = Server(root, binaries, folder, servers[0].strip().removeprefix('$ ').replace('\\\n', ' '))
        try:
            printed = run([command for command, _ in wanted], server.url, folder)
        finally:
            server.stop()
    for (command, expected), text in zip(wanted, printed):
        if not pattern(expected).fullmatch(text + '\n' if text else ''):
            complaints.append(f'{document}: $ {command}\n  shown:   {expected}\n  printed: {text}')
    print(f'{document}: {len(wanted)} commands')
    return complaints


def main(root, binaries, *documents):
    complaints = [complaint for document in documents for complaint in check(root, binaries, document)]
    print('\n'.join(complaints))
    return 1 if complaints else 0


sys.exit(main(*sys.argv[1:]))
