#!/usr/bin/python3
"""One idea a file: warns when a header and its source together pass 400 lines, fails when a file passes 600.

usage: size.py FILE...
"""
import collections
import os
import sys

WARN_TOGETHER, FAIL_ALONE = 400, 600


def main(paths):
    together, failed = collections.Counter(), 0
    for path in paths:
        with open(path, encoding='utf-8') as source:
            lines = sum(1 for _ in source)
        together[os.path.splitext(path)[0]] += lines
        if lines > FAIL_ALONE:
            print(f'{path}: {lines} lines; split it (at most {FAIL_ALONE})')
            failed = 1
    for stem, lines in sorted(together.items()):
        if lines > WARN_TOGETHER:
            print(f'warning: {stem}.*: {lines} lines in header and source (aim: {WARN_TOGETHER})')
    return failed


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
