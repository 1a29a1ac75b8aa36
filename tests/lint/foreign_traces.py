#!/usr/bin/python3
"""Nothing of a machine or a network in what is committed: no addresses but loopback and documentation ranges, no absolute
home or work paths.

usage: foreign_traces.py FILE...
"""
import ipaddress
import re
import sys

ADDRESS = re.compile(r'(?<![\w.])(\d{1,3}(?:\.\d{1,3}){3})(?![\w.])')
PATHS = re.compile(r'(?<![\w.])/(?:root|home/\w+|work)/')


def allowed(text):
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return True  # a version number
    documentation = any(address in ipaddress.ip_network(network) for network in (
        '192.0.2.0/24', '198.51.100.0/24', '203.0.113.0/24'))
    return address.is_loopback or address.is_unspecified or documentation or text.startswith('255.')


def main(paths):
    found = 0
    for path in paths:
        with open(path, encoding='utf-8', errors='replace') as source:
            for number, line in enumerate(source, 1):
                for match in ADDRESS.finditer(line):
                    if not allowed(match.group(1)):
                        print(f'{path}:{number}: address {match.group(1)}; only loopback is used here')
                        found = 1
                if PATHS.search(line):
                    print(f'{path}:{number}: {PATHS.search(line).group()}: a path of some machine')
                    found = 1
    return found


if __name__ == '__main__':
    sys.exit(main(sys.argv[1:]))
