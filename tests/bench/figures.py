"""Where figures go: a JSON line each as soon as it is known, and tables in the end."""
import json
import os
import time

TITLES = {
    'end_to_end': 'No-op jobs end to end',
    'cpu_per_job': 'CPU per job, by program',
    'submission': 'Submissions that job-api takes',
    'store_commit': 'Raw SQLite commits (ceiling of job-api\'s writes)',
    'queue_only': 'The queue alone: put, take, consume',
    'queue_raw': 'Raw ZooKeeper operations of a job (ceiling of the queue)',
    'latency': 'From submission to RUNNING',
    'latency_growth': 'Latency with the most jobs waiting, against 100 waiting',
    'zookeeper_per_job': 'ZooKeeper\'s traffic per job, by executors',
    'queue_traffic_per_job': 'The same of queues alone, by takers',
    'traffic_spread': 'How much ZooKeeper\'s bytes per job differ',
    'wake_ups': 'Watch events for a put into an idle queue, by takers',
    'memory': 'Memory',
    'python_engine': 'The Python engine',
    'target': 'What is aimed at',
    'not_measured': 'Not measured',
}


def said(value):
    if value is None or value == '':
        return '–'
    if isinstance(value, bool):
        return 'yes' if value else 'no'
    if isinstance(value, float):
        return f'{value:.0f}' if abs(value) >= 100 else f'{value:.3g}'
    if isinstance(value, dict):
        return ', '.join(f'{name} {said(part)}' for name, part in value.items())
    return ' '.join(str(value).split()).replace('|', '/')


class Figures:
    def __init__(self, folder, commit):
        self.folder = folder
        self.rows = []
        self.begun = time.monotonic()
        os.makedirs(folder, exist_ok=True)
        self._lines = open(os.path.join(folder, 'figures.jsonl'), 'w', encoding='utf-8')
        self._commit = commit

    def add(self, figure, **members):
        """`value` with its `unit`, what it was measured at, and where there is one its `ceiling` of the same run."""
        row = {'figure': figure, **members}
        if members.get('ceiling'):
            row['ratio'] = members['value'] / members['ceiling']
        self.rows.append(row)
        self._lines.write(json.dumps(row) + '\n')
        self._lines.flush()
        rest = '  '.join(f'{name}={said(value)}' for name, value in row.items() if name != 'figure')
        print(f'[{time.monotonic() - self.begun:5.0f} s] {figure}: {rest}', flush=True)

    def failed(self, what, reason):
        reason = reason if len(reason) < 300 else '… ' + reason[-300:]
        self.add('not_measured', what=what, reason=reason)

    def of(self, figure, **members):
        return [row for row in self.rows if row['figure'] == figure
                and all(row.get(name) == value for name, value in members.items())]

    def value(self, figure, **members):
        """Of the first that fits; None without one."""
        found = self.of(figure, **members)
        return found[0]['value'] if found else None

    def tables(self):
        """Markdown."""
        lines = [f'Commit {self._commit}, {time.strftime("%Y-%m-%d %H:%M", time.gmtime())} UTC, {os.cpu_count()} cores, '
                 f'{time.monotonic() - self.begun:.0f} s']
        for figure, title in TITLES.items():
            rows = self.of(figure)
            if not rows:
                continue
            columns = list(dict.fromkeys(name for row in rows for name in row if name != 'figure'))
            lines += ['', f'**{title}** (`{figure}`)', '', '| ' + ' | '.join(columns) + ' |',
                      '|' + '---|' * len(columns)]
            lines += ['| ' + ' | '.join(said(row.get(column)) for column in columns) + ' |' for row in rows]
        return '\n'.join(lines) + '\n'

    def close(self):
        self._lines.close()
        text = self.tables()
        with open(os.path.join(self.folder, 'figures.md'), 'w', encoding='utf-8') as file:
            file.write(text)
        print('\n' + text, flush=True)


def fill(file, tables):
    """Puts tables between the marks of a text, in place of what is there."""
    with open(file, encoding='utf-8') as old:
        text = old.read()
    before, begin, rest = text.partition('<!-- figures -->')
    _, end, after = rest.partition('<!-- /figures -->')
    if not end:
        raise ValueError(f'{file} has no marks <!-- figures --> and <!-- /figures -->')
    with open(file, 'w', encoding='utf-8') as new:
        new.write(f'{before}{begin}\n{tables}{end}{after}')
