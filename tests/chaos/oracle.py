"""What the actions themselves told: which run of which job was alive when. The truth the engine is held against."""
import os


class Run:
    """One run of one job: between `start` and `last` it was certainly alive."""
    __slots__ = ('id', 'job', 'attempt', 'pid', 'parent', 'start', 'last', 'end', 'kept', 'origin')

    def __init__(self, fields, moment):
        self.id, self.job = fields[0], fields[1]
        self.attempt, self.pid, self.parent = int(fields[2]), int(fields[3]), int(fields[4])
        self.start = self.last = moment
        self.kept = None   # when its checkpoint was kept, as it was told
        self.origin = ''   # the run whose checkpoint it got
        self.end = ''  # 'end', 'stopped', or '' for one that broke off or goes on

    def __str__(self):
        end = self.end or 'no end'
        return (f'run {self.id} (attempt {self.attempt}, process {self.pid} of {self.parent}) from {self.start:.3f} '
                f'to {self.last:.3f} ({end})')


class Oracle:
    """Follows the file; read() takes in what has come."""

    def __init__(self, path):
        self.path = path
        self.runs = {}
        self.by_job = {}
        self.broken_lines = []
        self._offset = 0
        self._rest = b''

    def read(self):
        with open(self.path, 'rb') as file:
            file.seek(self._offset)
            data = self._rest + file.read()
            self._offset = file.tell()
        *lines, self._rest = data.split(b'\n')
        for line in lines:
            self._take(line.decode(errors='replace'))
        return self

    def _take(self, line):
        fields = line.split()
        try:
            moment, word = int(fields[5]) / 1e9, fields[6]
            if word == 'start':
                run = Run(fields, moment)
                self.runs[run.id] = run
                self.by_job.setdefault(run.job, []).append(run)
                return
            run = self.runs[fields[0]]
        except (IndexError, ValueError, KeyError):
            self.broken_lines.append(line)
            return
        run.last = max(run.last, moment)
        if word == 'kept':
            run.kept = moment
        elif word.startswith('from:'):
            run.origin = word.removeprefix('from:')
        elif word not in ('beat', 'refused'):
            run.end = word

    def under_way(self):
        """Runs without an end whose process is there, oldest first."""
        return sorted((run for run in self.runs.values() if not run.end and os.path.exists(f'/proc/{run.pid}')),
                      key=lambda run: run.start)
