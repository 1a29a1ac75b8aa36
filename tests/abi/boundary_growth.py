#!/usr/bin/python3
"""The plugin boundary may only grow: abidiff compares the frozen one with today's.

usage: boundary_growth.py ABIDIFF FROZEN_OBJECT TODAYS_OBJECT

Allowed are members behind the end je_host had, and new enumerators (which abidiff takes for harmless). No other struct
may change at all: je_string is passed by value, and the rest is made by one side and read by the other.
"""
import os
import re
import subprocess
import sys

ALLOWED = [
    re.compile(r"'struct je_host at plugin_abi\.h:\d+:\d+' changed:"),
    re.compile(r'type size changed from (?P<size>\d+) to \d+ \(in bits\)'),
    re.compile(r'\d+ data member insertions?:'),
    re.compile(r"'.*', at offset (?P<offset>\d+) \(in bits\) at plugin_abi\.h:\d+:\d+"),
    re.compile(r'(Leaf changes|Changed leaf types|Removed/Changed/Added (functions|variables)) summary: .*'),
]


def complaints(report):
    size = None
    for line in report.splitlines():
        line = line.strip()
        matches = [match for match in (allowed.fullmatch(line) for allowed in ALLOWED) if match]
        if not matches:
            if line:
                yield line
            continue
        found = matches[0].groupdict()
        size = int(found.get('size') or size or 0)
        if 'offset' in found and int(found['offset']) < size:
            yield f'{line}: not at the end of the frozen struct, which has {size} bits'


def main(abidiff, frozen, today):
    if not os.path.exists(abidiff):
        print('skipped: there is no abidiff here (Debian: abigail-tools)')
        return 77
    done = subprocess.run([abidiff, '--leaf-changes-only', frozen, today], capture_output=True, text=True, check=False)
    # 1 and 2: abidiff itself failed; 4: something changed; 8: something is gone.
    if done.returncode & 3:
        print(done.stdout, done.stderr)
        return 1
    wrong = list(complaints(done.stdout))
    if done.returncode & 8:
        wrong.append('a symbol is gone')
    if wrong:
        print('the plugin boundary changed in a way that breaks plugins built before:')
        print('\n'.join(f'  {line}' for line in wrong))
    return 1 if wrong else 0


sys.exit(main(*sys.argv[1:]))
