#!/usr/bin/python3
"""Does what a tutorial tells its reader to do, and compares what is printed with the text.

usage: documented_tutorial.py ROOT BUILD_FOLDER DOCUMENT

The reader starts in a folder that holds `build`, a build tree of the engine, and has an empty home. By the lines before
the document's blocks:

  <!-- run -->        commands (`$ ` in front; `> `: goes on) and what they print, one after the other in one shell.
                      `…` stands for anything, in a line of its own for any lines.
  <!-- terminal -->   one command that goes on in a terminal of its own until the end; the block's other lines must come
                      before the reader goes on
  <!-- write PATH --> the reader writes the block into this file
"""
import os
import re
import select
import signal
import subprocess
import sys
import tempfile
import time

BLOCK = re.compile(r'^<!-- (run|terminal|write) ?(\S*) -->\n```\w*\n(.*?)^```$', re.M | re.S)
LIMIT = 300  # seconds for one command


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


class Shell:
    """A terminal: commands go in, what they print comes out, in the order of both streams."""

    def __init__(self, folder, environment):
        self.process = subprocess.Popen(['bash', '--norc'], cwd=folder, env=environment, stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, start_new_session=True)
        self.unread = b''

    def read_until(self, condition):
        end = time.monotonic() + LIMIT
        while not condition(self.unread.decode(errors='replace')):
            ready, _, _ = select.select([self.process.stdout], [], [], max(0.0, end - time.monotonic()))
            chunk = os.read(self.process.stdout.fileno(), 65536) if ready else b''
            if not chunk:
                return False
            self.unread += chunk
        return True

    def send(self, command):
        self.process.stdin.write((command + '\n').encode())
        self.process.stdin.flush()

    def run(self, command):
        mark = f'-- end of {time.monotonic_ns()} --'
        self.send(f"{{ {command}\n}} </dev/null\necho; echo '{mark}'")
        self.read_until(lambda text: mark in text)
        text, _, rest = self.unread.decode(errors='replace').partition(mark)
        self.unread = rest.lstrip('\n').encode()
        return text.strip()

    def start(self, command, expected):
        self.send(command)
        wanted = pattern(expected)
        return self.read_until(wanted.search), self.unread.decode(errors='replace')

    def close(self):
        """Everything in the terminal hears Ctrl-C, and gets time to end well."""
        os.killpg(self.process.pid, signal.SIGINT)
        self.process.stdin.close()
        try:
            self.process.wait(60)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()


def follow(document, blocks, folder, environment):
    shell = Shell(folder, environment)
    terminals = []
    count = 0
    try:
        for kind, path, text in blocks:
            if kind == 'write':
                place = subprocess.list2cmdline([path])
                shell.run(f"cat > {place} <<'END OF FILE'\n{text}END OF FILE")
                continue
            for command, expected in steps(text):
                count += 1
                if kind == 'terminal':
                    terminals.append(Shell(folder, environment))
                    terminals[-1].run('cd ' + shell.run('pwd'))
                    terminals[-1].run(f'export PREFIX={shell.run("echo $PREFIX")} PATH={shell.run("echo $PATH")}')
                    well, printed = terminals[-1].start(command, expected)
                else:
                    printed = shell.run(command)
                    well = pattern(expected).fullmatch(printed + '\n' if printed else '')
                if not well:
                    return [f'{document}: $ {command}\n  shown:\n{expected}\n  printed:\n{printed}']
    finally:
        shell.close()
        for terminal in terminals:
            terminal.close()
    print(f'{document}: {count} commands')
    return [] if count > 5 else [f'{document}: only {count} commands']


def main(root, build, document):
    with open(os.path.join(root, document), encoding='utf-8') as stream:
        blocks = BLOCK.findall(stream.read())
    with tempfile.TemporaryDirectory() as folder:
        os.symlink(build, os.path.join(folder, 'build'))
        home = os.path.join(folder, 'home')
        os.mkdir(home)
        environment = {name: value for name, value in os.environ.items() if not name.startswith('JOB_')}
        environment.update(HOME=home, LC_ALL='C.UTF-8', CMAKE_BUILD_PARALLEL_LEVEL='2')
        complaints = follow(document, blocks, folder, environment)
    print('\n'.join(complaints))
    return 1 if complaints else 0


sys.exit(main(*sys.argv[1:]))
