#!/usr/bin/python3
"""Holds the table of who may include what (docs/structure.md), and keeps heavy or C headers in the few files that
wrap them.

usage: include_directions.py ROOT        exit 1 when an include breaks the table
"""
import os
import re
import sys

COMMON = {'common/' + part for part in (
    'runtime', 'zookeeper', 'queue', 'election', 'cimi', 'job', 'json_schema', 'repair', 'configuration', 'telemetry', 'program')}

# folder -> folders whose headers it may include, besides its own. The longest matching folder counts.
MAY_INCLUDE = {
    'actions/sdk': set(),
    'actions/builtin': {'actions/sdk'},
    'common/runtime': set(),
    'common/zookeeper': {'common/runtime'},
    'common/queue': {'common/zookeeper', 'common/runtime'},
    'common/election': {'common/zookeeper', 'common/runtime'},
    'common/job': {'common/runtime'},
    'common/json_schema': set(),
    'common/cimi': {'common/runtime', 'common/job'},
    'common/repair': {'common/cimi', 'common/job', 'common/queue', 'common/runtime'},
    'common/configuration': {'common/runtime'},
    'common/telemetry': {'common/runtime'},
    'common/program': COMMON - {'common/queue', 'common/election', 'common/repair'},
    'api': COMMON,
    'distributor': COMMON,
    'executor': COMMON,
    'executor/action_host': {'actions/sdk', 'common/configuration', 'common/runtime', 'common/zookeeper', 'executor'},
    'ctl': COMMON,
    'ctl/development': {'common/runtime'},
}

# heavy or C headers -> how many files may include each, and where.
WRAPPED = {
    r'zookeeper/zookeeper\.h': (2, 'common/zookeeper/'),
    r'cpprest/.*|pplx/.*': (2, 'common/cimi/'),
    r'boost/beast.*': (3, ''),
    r'sqlite3\.h': (3, 'api/store/'),
    r'yaml-cpp/.*': (2, 'common/configuration/'),
    r're2/.*': (1, 'common/json_schema/'),
    r'CLI/.*': (4, ''),
    r'spdlog/.*': (1, 'common/telemetry/'),
    r'prometheus/.*': (1, 'common/telemetry/'),
    r'dlfcn\.h': (2, ''),
    r'boost/asio/(awaitable|co_spawn|use_awaitable)\.hpp': (1, 'common/runtime/'),
}

INCLUDE = re.compile(r'^\s*#\s*include\s*([<"])([^>"]+)[>"]', re.M)


def folder_of(path):
    matching = [folder for folder in MAY_INCLUDE if path.startswith(folder + '/')]
    return max(matching, key=len) if matching else None


def main(root):
    complaints = []
    wrapped_in = {pattern: [] for pattern in WRAPPED}
    for top in ('common', 'api', 'distributor', 'executor', 'actions', 'ctl'):
        for directory, _, names in os.walk(os.path.join(root, top)):
            for name in sorted(names):
                if not name.endswith(('.cpp', '.hpp', '.h')):
                    continue
                full = os.path.join(directory, name)
                path = os.path.relpath(full, root)
                with open(full, encoding='utf-8') as source:
                    text = source.read()
                own = folder_of(path)
                for quote, included in INCLUDE.findall(text):
                    for pattern in WRAPPED:
                        # The SDK is header only, for programs that are not ours.
                        if re.fullmatch(pattern, included) and own != 'actions/sdk':
                            wrapped_in[pattern].append(path)
                    if quote != '"':
                        continue
                    target = folder_of(included)
                    if own is None or target is None or target == own:
                        continue
                    if target.startswith(own + '/') and own in ('api', 'executor', 'ctl', 'distributor'):
                        continue
                    if target not in MAY_INCLUDE[own]:
                        complaints.append(f'{path}: {own} may not include {included}')
    for pattern, files in wrapped_in.items():
        most, where = WRAPPED[pattern]
        files = sorted(set(files))
        if len(files) > most:
            complaints.append(f'<{pattern}> may be included in {most} file(s), but is in: {", ".join(files)}')
        for path in files:
            if not path.startswith(where):
                complaints.append(f'{path}: <{pattern}> belongs behind a header of {where}')
            if path.endswith('.hpp') and 'asio' not in pattern:
                complaints.append(f'{path}: <{pattern}> must not be in a header')
    for complaint in complaints:
        print(complaint)
    return 1 if complaints else 0


if __name__ == '__main__':
    sys.exit(main(sys.argv[1]))
