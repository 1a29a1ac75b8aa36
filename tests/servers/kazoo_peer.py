"""A peer on the queue and in elections that speaks through python3-kazoo. One command a line on stdin, one
answer a line on stdout; it ends with stdin, or when it is killed."""

import logging
import sys
import threading

from kazoo.client import KazooClient


class Peer:
    def __init__(self, hosts):
        self.client = KazooClient(hosts=hosts, timeout=2)
        self.client.start()
        self.queue = self.client.LockingQueue("/job")
        self.resign_asked = threading.Event()

    def put(self, value, priority):
        self.queue.put(value.encode(), int(priority))
        return "ok"

    def get(self, seconds):
        value = self.queue.get(timeout=float(seconds))
        return "nothing" if value is None else value.decode()

    def consume(self):
        return str(self.queue.consume())

    def release(self):
        return str(self.queue.release())

    def stand(self, path, name):
        self.election = self.client.Election(path, name)
        self.campaign = threading.Thread(target=self.election.run, args=(self.lead, name), daemon=True)
        self.campaign.start()
        return "ok"

    def lead(self, name):
        say("leading " + name)
        self.resign_asked.wait()

    def resign(self):
        self.resign_asked.set()
        self.campaign.join()
        return "ok"

    def contenders(self, path):
        return ",".join(self.client.Election(path).contenders())


def say(line):
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


def main():
    logging.basicConfig(level=logging.CRITICAL)
    peer = Peer(sys.argv[1])
    say("ready")
    for line in sys.stdin:
        command, *arguments = line.split()
        say(getattr(peer, command)(*arguments))


main()
