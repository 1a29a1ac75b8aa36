"""What a campaign says in the end: for people, and one JSON line each for programs."""
import json


def percentile(values, part):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def take_overs(faults, oracle):
    """kind -> seconds from the fault to the next start of each job that was under way on its target, of those that
    were begun again at all; and the same from the restart of a killed executor, as far as that was first."""
    found, from_restart = {}, {}
    for fault in faults:
        if fault.injected is None:
            continue
        for victim in fault.victims:
            if victim.end == 'end':
                continue
            later = [run.start for run in oracle.by_job[victim.job] if run.start > fault.injected]
            if later:
                found.setdefault(fault.kind, []).append(min(later) - fault.injected)
            if later and fault.restarted is not None:
                from_restart.setdefault(fault.kind, []).append(max(0.0, min(later) - fault.restarted))
    return found, from_restart


def longest_pauses(faults, oracle, seconds=20):
    """kind -> the longest time without any start of a run in the whole fleet, within so long after each fault."""
    starts = sorted(run.start for run in oracle.runs.values())
    found = {}
    for fault in faults:
        if fault.injected is None:
            continue
        window = [start for start in starts if fault.injected <= start <= fault.injected + seconds]
        if window:
            points = [fault.injected, *window]
            found.setdefault(fault.kind, []).append(max(b - a for a, b in zip(points, points[1:])))
    return found


def figures(faults, oracle):
    """One row a kind of fault."""
    (times, restarts), pauses = take_overs(faults, oracle), longest_pauses(faults, oracle)
    rows = []
    for kind in sorted({fault.kind for fault in faults}):
        these = [fault for fault in faults if fault.kind == kind]
        injected = [fault for fault in these if fault.injected is not None]
        row = {'fault': kind, 'planned': len(these), 'injected': len(injected),
               'survived': sum(fault.recovered is not None for fault in injected)}
        recoveries = [fault.recovered - fault.healed for fault in injected if fault.recovered is not None]
        for name, values in (('ready', recoveries), ('takeover', times.get(kind)),
                             ('from_restart', restarts.get(kind)), ('pause', pauses.get(kind))):
            if values:
                row[name] = {'n': len(values), 'p50': round(percentile(values, 0.5), 3),
                             'p99': round(percentile(values, 0.99), 3), 'max': round(max(values), 3)}
        skipped = sorted({fault.skipped for fault in these if fault.skipped})
        if skipped:
            row['skipped'] = skipped
        rows.append(row)
    return rows


def cell(row, name):
    values = row.get(name)
    return f'{values["p50"]:7.2f} {values["p99"]:7.2f}' if values else ' ' * 15


def print_table(rows):
    print(f'{"fault":26}{"injected":>9}{"survived":>9}   {"ready again":^15}  {"take-over":^15}  {"from restart":^15}  '
          f'{"pause of all":^15}')
    print(f'{"":26}{"":>9}{"":>9}   ' + '  '.join(['  p50 s   p99 s'] * 4))
    for row in rows:
        note = '  skipped: ' + '; '.join(row['skipped']) if 'skipped' in row else ''
        print(f'{row["fault"]:26}{row["injected"]:9}{row["survived"]:9}   {cell(row, "ready")}  '
              f'{cell(row, "takeover")}  {cell(row, "from_restart")}  {cell(row, "pause")}{note}')


def print_violations(violations, shown=10):
    for name, texts in violations.items():
        print(f'VIOLATED {name} ({len(texts)}):')
        for text in texts[:shown]:
            print(f'  {text}')
        if len(texts) > shown:
            print(f'  and {len(texts) - shown} more')


def print_json(summary, rows, violations):
    for row in rows:
        print(json.dumps({'kind': 'fault', **row}))
    for name, texts in violations.items():
        print(json.dumps({'kind': 'violation', 'check': name, 'count': len(texts), 'texts': texts[:20]}))
    print(json.dumps({'kind': 'campaign', **summary}))
