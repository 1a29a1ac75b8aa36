"""What the kernel and ZooKeeper say of the programs under load."""
import os
import re
import subprocess

from ensemble import ask
from processes import NotPossible, children_of

TICKS = os.sysconf('SC_CLK_TCK')


def cpu_seconds(pid):
    """User and system time of a process and of its ended children; 0 when it is gone."""
    try:
        with open(f'/proc/{pid}/stat', encoding='ascii', errors='replace') as file:
            fields = file.read().rpartition(')')[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return 0.0
    return sum(int(field) for field in fields[11:15]) / TICKS


def cpu_with_children(pid):
    return cpu_seconds(pid) + sum(cpu_seconds(child) for child in children_of(pid))


def memory_kb(pid, which='VmRSS'):
    """VmRSS: now; VmHWM: the most there was."""
    try:
        with open(f'/proc/{pid}/status', encoding='ascii', errors='replace') as file:
            for line in file:
                if line.startswith(which + ':'):
                    return int(line.split()[1])
    except (FileNotFoundError, ProcessLookupError):
        pass
    return 0


def proportional_kb(pid):
    """The memory of a process, what it shares with others divided among them."""
    try:
        with open(f'/proc/{pid}/smaps_rollup', encoding='ascii') as file:
            return next((int(line.split()[1]) for line in file if line.startswith('Pss:')), 0)
    except (OSError, ValueError):
        return 0


def parsed_metrics(text):
    """Sums of a Prometheus text by name, and by name with labels."""
    found = {}
    for line in text.splitlines():
        match = re.fullmatch(r'(\w+)(\{.*\})? (\S+)', line)
        if not match:
            continue
        name, labels, value = match.groups()
        found[name] = found.get(name, 0.0) + float(value)
        if labels:
            found[name + labels] = float(value)
    return found


def parsed_sockets(text):
    """Bytes that a server has sent and received on the connections that `ss -tin` shows."""
    return {'sent': sum(int(number) for number in re.findall(r'\bbytes_acked:(\d+)', text)),
            'received': sum(int(number) for number in re.findall(r'\bbytes_received:(\d+)', text))}


def parsed_monitor(text):
    """The numbers of ZooKeeper's `mntr`."""
    found = {}
    for line in text.splitlines():
        name, _, value = line.partition('\t')
        try:
            found[name] = float(value)
        except ValueError:
            pass
    return found


async def zookeeper_traffic(port):
    """Requests, answers, watch events and payload bytes of all connections that are open now, since they opened."""
    try:
        shown = subprocess.run(['ss', '-tinH', 'state', 'established', f'( sport = :{port} )'],
                               capture_output=True, text=True, check=True).stdout
    except FileNotFoundError as missing:
        raise NotPossible('there is no ss, which counts the bytes: install iproute2') from missing
    sockets = parsed_sockets(shown)
    counts = parsed_monitor(await ask(port, 'mntr', seconds=5))
    requests, answers = counts.get('zk_packets_received', 0), counts.get('zk_packets_sent', 0)
    return {'requests': requests, 'events': answers - requests, 'bytes': sockets['sent'] + sockets['received'],
            'bytes_to_clients': sockets['sent'], 'bytes_from_clients': sockets['received']}
