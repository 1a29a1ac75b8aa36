"""The figures as SVG, one file a question; needs Debian's python3-matplotlib (deploy/packages/bench.txt)."""
import os

try:
    import matplotlib
    matplotlib.use('svg')
    from matplotlib import pyplot
except ImportError:
    pyplot = None

SIZE = (7, 4.2)


def draw(figures, folder):
    """The files drawn; says so when there can be none."""
    if pyplot is None:
        print('No plots: python3-matplotlib is not installed (deploy/packages/install bench)')
        return []
    drawn = []
    for name, plot in PLOTS.items():
        canvas, axes = pyplot.subplots(figsize=SIZE)
        axes.grid(True, alpha=0.3)
        if plot(figures, axes):
            if axes.get_legend_handles_labels()[0]:
                axes.legend(fontsize='small')
            canvas.tight_layout()
            drawn.append(os.path.join(folder, f'{name}.svg'))
            canvas.savefig(drawn[-1], metadata={'Date': None})
        pyplot.close(canvas)
    return drawn


def line(axes, rows, across, label, **style):
    points = sorted((row[across], row['value']) for row in rows if across in row)
    axes.plot([point[0] for point in points], [point[1] for point in points], marker='o', label=label, **style)


def ticks_at(axes, values):
    values = sorted(set(values))
    axes.set_xticks(values)
    axes.set_xticklabels([f'{value:,}'.replace(',', ' ') for value in values])
    axes.minorticks_off()


def end_to_end(figures, axes):
    rows = [row for row in figures.of('end_to_end') if 'waiting' not in row]
    axes.set_xscale('log', base=2)
    for executors, isolation in sorted({(row['executors'], row['isolation']) for row in rows}):
        line(axes, [row for row in rows if (row['executors'], row['isolation']) == (executors, isolation)], 'slots',
             f'{executors} executor{"s" * (executors > 1)}, {isolation}', linestyle='-' if isolation == 'shared' else '--')
    python = figures.of('python_engine', unit='jobs/s')
    if python:
        axes.axhline(python[0]['value'], color='black', linestyle=':', label='one Python executor')
    if rows:
        ticks_at(axes, [row['slots'] for row in rows])
    axes.set(title='No-op jobs end to end', xlabel='slots of each executor', ylabel='jobs/s')
    axes.set_ylim(bottom=0)
    return rows


def queue(figures, axes):
    raw = [row for row in figures.of('queue_raw') if row['batch'] == row['put_batch']]
    axes.set_xscale('log')
    axes.set_yscale('log')
    line(axes, raw, 'batch', 'raw operations (ceiling)')
    for row in figures.of('queue_only'):
        axes.plot([row['mean_batch']], [row['value']], 'x', color='tab:red')
        axes.annotate(f'{row["takers"]} takers', (row['mean_batch'], row['value']), fontsize='small')
    axes.set(title='Put, take and consume', xlabel='jobs that share a multi', ylabel='jobs/s')
    return raw


def latency(figures, axes):
    rows = [row for row in figures.of('latency') if 'waiting' in row]
    axes.set_xscale('symlog', linthresh=100)
    for quantile in ('p50', 'p95', 'p99'):
        line(axes, [row for row in rows if row['quantile'] == quantile], 'waiting', quantile)
    if rows:
        ticks_at(axes, [row['waiting'] for row in rows])
    axes.set(title='From submission to RUNNING, of urgent jobs', xlabel='jobs waiting', ylabel='ms')
    axes.set_ylim(bottom=0)
    return rows


def traffic(figures, axes):
    executors, queues = figures.of('zookeeper_per_job'), figures.of('queue_traffic_per_job')
    line(axes, executors, 'takers', 'executors')
    for waiting in sorted({row['waiting'] for row in queues}):
        line(axes, [row for row in queues if row['waiting'] == waiting], 'takers', f'queues alone, {waiting} entries waiting')
    axes.set(title='ZooKeeper\'s bytes per job', xlabel='takers', ylabel='bytes/job')
    axes.set_ylim(bottom=0)
    return executors or queues


def wake_ups(figures, axes):
    rows = figures.of('wake_ups')
    line(axes, rows, 'takers', 'wake-ups')
    axes.axhline(3, color='black', linestyle=':', label='the most there should be')
    axes.set(title='Wake-ups for a put into an idle queue', xlabel='takers', ylabel='wake-ups/put')
    axes.set_ylim(bottom=0)
    return rows


def cpu(figures, axes):
    rows = figures.of('cpu_per_job')
    kinds = list(dict.fromkeys((row['slots'], row['isolation']) for row in rows))
    bottom = [0.0] * len(kinds)
    labels = [f'{slots}\n{isolation}' for slots, isolation in kinds]
    for program in dict.fromkeys(row['program'] for row in rows):
        heights = [figures.value('cpu_per_job', program=program, slots=slots, isolation=isolation) or 0.0
                   for slots, isolation in kinds]
        axes.bar(labels, heights, bottom=bottom, label=program)
        bottom = [below + height for below, height in zip(bottom, heights)]
    axes.set(title='CPU per job', xlabel='slots of one executor', ylabel='us')
    return rows


def commits(figures, axes):
    rows = figures.of('store_commit')
    axes.set_xscale('log')
    axes.set_yscale('log')
    for what in ('insert', 'update'):
        line(axes, figures.of('store_commit', what=what), 'rows_per_commit', what)
    axes.set(title='Raw durable commits of SQLite', xlabel='rows a commit', ylabel='rows/s')
    return rows


PLOTS = {'end_to_end': end_to_end, 'queue': queue, 'latency': latency, 'traffic': traffic, 'wake_ups': wake_ups,
         'cpu': cpu, 'commits': commits}
