#!/usr/bin/python3
"""docs/operating.md names every option, environment variable and metric there is, and none that is not.

usage: operating_guide.py SOURCE_FOLDER PROGRAM_FOLDER
"""
import pathlib
import re
import subprocess
import sys

PROGRAMS = ['job-api', 'job-distributor', 'job-executor', 'job-action-host', 'jobctl']
OPTION = re.compile(r'(?<![\w-])--[a-z][a-z-]+')
METRIC = re.compile(r'\b(?:jobengine|process)_[a-z_]+[a-z]\b')
VARIABLE = re.compile(r'\bJOB_[A-Z_]+[A-Z]\b')
# Of other programs.
FOREIGN = {'--scale'}


def commands_in(text):
    return re.findall(r'^  ([a-z-]+) {2,}[A-Z]', text.partition('Subcommands:')[2], re.M)


def help_of(program, *commands):
    return subprocess.run([program, *commands, '--help'], capture_output=True, text=True, check=True).stdout


def helps(folder):
    texts = []
    for program in PROGRAMS:
        first = subprocess.run([folder / program, '--help'], capture_output=True, text=True, check=True).stdout
        texts.append(first)
        if program == 'jobctl':
            commands = commands_in(first)
            assert len(commands) > 5, commands
            for command in commands:
                texts.append(help_of(folder / program, command))
                texts += [help_of(folder / program, command, one) for one in commands_in(texts[-1])]
    return '\n'.join(texts)


def metrics_of(source):
    found = set()
    for folder in ('api', 'common', 'distributor', 'executor'):
        for path in (source / folder).rglob('*.cpp'):
            found |= set(re.findall(r'"((?:jobengine|process)_[a-z_]+)"', path.read_text(encoding='utf-8')))
    return found


def main(source, programs):
    guide = (source / 'docs/operating.md').read_text(encoding='utf-8')
    text = helps(programs)
    # Wrapped lines part neither options nor variables.
    there = {
        'option': {name for name in OPTION.findall(text) if name not in FOREIGN},
        'variable': set(VARIABLE.findall(text)),
        'metric': metrics_of(source),
    }
    told = {
        'option': {name for name in OPTION.findall(guide) if name not in FOREIGN},
        'variable': set(VARIABLE.findall(guide)),
        'metric': set(METRIC.findall(guide)),
    }
    wrong = 0
    for kind, names in there.items():
        assert len(names) > 10, (kind, names)
        for name in sorted(names - told[kind]):
            print(f'docs/operating.md does not tell of the {kind} {name}')
            wrong = 1
        for name in sorted(told[kind] - names):
            if name.startswith('jobengine_') or kind != 'metric':
                print(f'docs/operating.md tells of the {kind} {name}, which is not there')
                wrong = 1
    return wrong


if __name__ == '__main__':
    sys.exit(main(pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])))
