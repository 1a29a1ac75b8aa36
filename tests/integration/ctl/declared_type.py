#!/usr/bin/python3
"""docs/resources.md as a program: adds a web-check, checks it twice, waits for its state.

usage: declared_type.py API_URL USER PASSWORD_FILE
"""
import http.cookiejar
import json
import sys
import threading
import time
import urllib.request

api, user, password_file = sys.argv[1:4]
opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor(http.cookiejar.CookieJar()))


def call(method, path, body=None):
    request = urllib.request.Request(f'{api}/api/{path}', method=method)
    if body is not None:
        request.data = json.dumps(body).encode()
        request.add_header('content-type', 'application/json')
    with opener.open(request, timeout=30) as answer:
        return answer.status, dict(answer.headers), json.loads(answer.read())


def ended(check):
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        state = call('GET', check)[2]['state']
        if state != 'CHECKING':
            return state
        threading.Event().wait(0.05)  # nothing announces it to us
    return 'CHECKING for ever'


def main():
    with open(password_file, encoding='utf-8') as stream:
        password = stream.read().strip()
    call('POST', 'session',
         {'template': {'href': 'session-template/password', 'username': user, 'password': password}})
    for url, expected in ((f'{api}/api/cloud-entry-point', 'UP'), (f'{api}/api/nothing', 'DOWN')):
        check = call('POST', 'web-check', {'name': expected, 'url': url})[2]['resource-id']
        status, headers, body = call('POST', f'{check}/check')
        assert (status, body['location']) == (202, headers['Location']), body
        state = ended(check)
        job = call('GET', body['location'])[2]
        assert state == expected, (state, job)
        assert json.loads(job['payload']) == {'timeout': 10, 'url': url}, job
    return 0


if __name__ == '__main__':
    sys.exit(main())
