"""An S3 server whose session tokens expire: a proxy in front of one that takes any."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

from tests.waiting import HANGS

_EXPIRED = (
    b'<?xml version="1.0" encoding="UTF-8"?><Error><Code>ExpiredToken</Code>'
    b"<Message>The provided token has expired.</Message></Error>"
)
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


class ExpiringS3(ThreadingHTTPServer):
    """Passes everything on to the server at `endpoint`, until `expired` is set."""

    daemon_threads = True

    def __init__(self, endpoint: str) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.behind = urlsplit(endpoint).netloc
        self.expired = threading.Event()
        self.num_refused = 0

    @property
    def url(self) -> str:
        """Its endpoint."""
        return f"http://127.0.0.1:{self.server_address[1]}"


@contextmanager
def expiring_s3(endpoint: str) -> Iterator[ExpiringS3]:
    """Serve inside the block."""
    server = ExpiringS3(endpoint)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield server
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server: ExpiringS3

    def _answer(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if self.server.expired.is_set():
            self.server.num_refused += 1
            # as S3 does: the answer to HEAD has no body, so nothing in it names the reason
            self._send(400, {}, b"" if self.command == "HEAD" else _EXPIRED)
            return
        connection = http.client.HTTPConnection(self.server.behind, timeout=HANGS)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            self._send(answer.status, dict(answer.getheaders()), answer.read())
        finally:
            connection.close()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _answer  # noqa: N815  # the names are http.server's

    def _send(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        for name, value in ({"Content-Length": str(len(body))} | headers).items():
            if name.lower() not in _HOP_BY_HOP:
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
