"""The sums of the benchmark. Pure."""
import datetime


def quantile(values, part):
    """Of unsorted values, by the nearest rank; 0 without any."""
    if not values:
        return 0.0
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(part * len(ordered)))]


def milliseconds(timestamp):
    """Since 1970, of a timestamp of the API."""
    moment = datetime.datetime.strptime(timestamp, '%Y-%m-%dT%H:%M:%S.%fZ')
    return moment.replace(tzinfo=datetime.timezone.utc).timestamp() * 1000


def waiting_times(jobs):
    """From `created` to `started`, in milliseconds, of those that were started."""
    return [milliseconds(job['started']) - milliseconds(job['created']) for job in jobs if 'started' in job]


def rate(samples):
    """Of a count that grows: samples are (seconds, count), in order. What came after the last growth does not count:
    a queue that ran dry is no slow engine. 0 when nothing grew."""
    grown = [index for index in range(1, len(samples)) if samples[index][1] > samples[index - 1][1]]
    if not grown:
        return 0.0
    (begin, first), (end, last) = samples[0], samples[grown[-1]]
    return (last - first) / (end - begin) if end > begin else 0.0


def ratio(value, ceiling):
    return value / ceiling if ceiling else None


def mean_batch(counters, put_batch):
    """Jobs that share a multi, in the mean of takes and consumes; puts are done `put_batch` at a time."""
    multis = counters.get('multis', 0) - counters.get('puts', 0) / put_batch
    return (counters.get('takes', 0) + counters.get('consumes', 0)) / multis if multis > 0 else 0.0


def spread(values):
    """How far the largest is from the smallest, as a part of the smallest."""
    return (max(values) - min(values)) / min(values) if values and min(values) > 0 else None


def difference(after, before):
    """Of two dictionaries of numbers, member by member."""
    return {name: after[name] - before.get(name, 0) for name in after}
