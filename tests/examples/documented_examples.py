#!/usr/bin/python3
"""Compares the code in the documentation with the files it was taken from.

usage: documented_examples.py ROOT

A block of code after a line `<!-- the file PATH -->` must be the whole content of ROOT/PATH, and docs/writing_actions.md
and README.md must have such blocks at all.
"""
import os
import re
import sys

BLOCK = re.compile(r'^<!-- the file (\S+) -->\n```\w*\n(.*?)^```$', re.M | re.S)
MUST_HAVE = {'docs/writing_actions.md': 2, 'docs/protocols/executable_actions.md': 3, 'README.md': 2}


def documents(root):
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(('.', 'build'))]
        for name in names:
            if name.endswith('.md'):
                yield os.path.relpath(os.path.join(folder, name), root)


def main(root):
    complaints = []
    blocks = {}
    for document in sorted(documents(root)):
        with open(os.path.join(root, document), encoding='utf-8') as stream:
            found = BLOCK.findall(stream.read())
        blocks[document] = len(found)
        for path, shown in found:
            try:
                with open(os.path.join(root, path), encoding='utf-8') as stream:
                    if stream.read() != shown:
                        complaints.append(f'{document}: what it shows as {path} is not what the file holds')
            except OSError as error:
                complaints.append(f'{document}: {error}')
    for document, least in MUST_HAVE.items():
        if blocks.get(document, 0) < least:
            complaints.append(f'{document}: {least} examples expected, {blocks.get(document, 0)} found')
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


sys.exit(main(sys.argv[1]))
