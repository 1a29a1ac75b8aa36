#!/usr/bin/python3
"""An HTTP server for the tests of http_request. Prints its port, and ends when its standard input does.

/echo answers with the request as JSON; /status/N with that status; /redirect leads to /echo, /redirect-to-file to a
file: URL; /large answers 2 MiB; /binary bytes that are no text; /hang never answers.
"""
import http.server
import json
import sys
import threading

never = threading.Event()


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self, status, body, headers=()):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        if self.command != 'HEAD':
            self.wfile.write(body)

    def handle_any(self):
        length = int(self.headers.get('Content-Length', 0))
        body = self.rfile.read(length).decode()
        if self.path == '/echo':
            seen = {'method': self.command, 'body': body,
                    'headers': {name.lower(): value for name, value in self.headers.items()}}
            self.answer(200, json.dumps(seen).encode())
        elif self.path.startswith('/status/'):
            self.answer(int(self.path.rsplit('/', 1)[1]), b'said so')
        elif self.path == '/redirect':
            self.answer(302, b'', [('Location', '/echo')])
        elif self.path == '/redirect-to-file':
            self.answer(302, b'', [('Location', 'file:///etc/passwd')])
        elif self.path == '/large':
            self.answer(200, b'x' * (2 << 20))
        elif self.path == '/binary':
            self.answer(200, b'a\xff\x00b')
        elif self.path == '/hang':
            never.wait()
        else:
            self.answer(404, b'')

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = do_PATCH = handle_any

    def log_message(self, *_):
        pass


server = http.server.ThreadingHTTPServer(('127.0.0.1', 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_port, flush=True)
sys.stdin.read()
