#!/usr/bin/python3
"""One word for one thing, and none that says nothing. Also the house's bans: detached coroutines, sleeps in tests, mutexes
in the engine's logic (threads that run actions have some).

usage: vocabulary.py FILE...
A line may carry the comment `lint: word-ok` when a foreign name cannot be avoided.
"""
import re
import sys

# word -> what to say instead
WORDS = {
    r'worker': 'executor, action host, or the name of the thread\'s duty',
    r'utils?|utilities|helpers?|misc|manager|common2': 'a name for what it is responsible for',
    r'lock[ _]?tokens?': 'taken entry, epoch or version',
}
NAME = re.compile('(?<![A-Za-z])(' + '|'.join(WORDS) + ')(?![a-z])', re.I)

BANS = [
    (re.compile(r'\bdetached\b'), r'\.(cpp|hpp)$', 'a TaskGroup owns each coroutine; none is detached'),
    (re.compile(r'\bsleep_for\b|\bsleep_until\b|\busleep\s*\(|\btime\.sleep\b'), r'^tests/',
     'wait for an event with a deadline'),
    (re.compile(r'std::(recursive_|shared_)?mutex\b'), r'^(common/(queue|election)|distributor|executor/(?!action_host|hosts/shared_))',
     'the engine\'s state lives on one loop'),
    (re.compile(r'\bdefault:'), r'^common/zookeeper/error', 'name every error'),
]


def reason_for(word):
    for pattern, instead in WORDS.items():
        if re.fullmatch(pattern, word, re.I):
            return instead
    return ''


def main(paths):
    found = 0
    for path in paths:
        for match in NAME.finditer(path):
            print(f'{path}: the name says "{match.group()}"; say {reason_for(match.group())}')
            found = 1
        with open(path, encoding='utf-8') as source:
            for number, line in enumerate(source, 1):
                if 'lint: word-ok' in line:
                    continue
                for match in NAME.finditer(line):
                    print(f'{path}:{number}: "{match.group()}"; say {reason_for(match.group())}')
                    found = 1
                for pattern, where, reason in BANS:
                    if re.search(where, path) and pattern.search(line):
                        print(f'{path}:{number}: {pattern.search(line).group()}: {reason}')
                        found = 1
    return found


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
