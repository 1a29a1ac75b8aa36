#!/usr/bin/python3
"""Whether the benchmark works: its quick run names every figure, in lines that parse. No figure is judged.

usage: quick_test.py BUILD"""
import json
import os
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, HERE)
from figures import TITLES  # noqa: E402

# Sources of the Python engine are not there, and nobody needs matplotlib.
NOT_EXPECTED = {'python_engine', 'not_measured'}


def main():
    with tempfile.TemporaryDirectory(prefix='bench-quick-') as folder:
        ended = subprocess.run([sys.executable, os.path.join(HERE, 'run'), '--quick', '--build', sys.argv[1], '--out',
                                folder, '--directory', folder])
        with open(os.path.join(folder, 'figures.jsonl'), encoding='utf-8') as file:
            rows = [json.loads(line) for line in file]
        with open(os.path.join(folder, 'figures.md'), encoding='utf-8') as file:
            tables = file.read()
    problems = []
    if ended.returncode != 0:
        problems.append(f'it ended with {ended.returncode}')
    problems += [f'there is no figure {name}' for name in TITLES.keys() - NOT_EXPECTED
                 if not any(row['figure'] == name for row in rows)]
    problems += [f'{row} has no title' for row in rows if row['figure'] not in TITLES]
    problems += [f'{row} has no number' for row in rows
                 if row['figure'] != 'not_measured' and not isinstance(row['value'], (int, float))]
    problems += [f'not measured: {row["what"]}: {row["reason"]}' for row in rows
                 if row['figure'] == 'not_measured' and row['what'] != 'python']
    problems += [f'{name} is not in the tables' for name in {row['figure'] for row in rows} if f'`{name}`' not in tables]
    print('\n'.join(problems))
    return 1 if problems else 0


if __name__ == '__main__':
    sys.exit(main())
