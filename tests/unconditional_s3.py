"""An S3 server that does not know If-None-Match: a proxy in front of one that does."""

from __future__ import annotations

import http.client
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}


@contextmanager
def unconditional_s3(endpoint: str, condition: Literal["ignored", "refused"] = "ignored") -> Iterator[str]:
    """Serve what `endpoint` serves, without the condition, at the URL that the block gets.

    A put with the condition is done without it, or answered with 501, as servers of both kinds do.
    """

    class Handler(_Proxy):
        behind = urlsplit(endpoint).netloc
        refuses = condition == "refused"

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    serving = threading.Thread(target=server.serve_forever, daemon=True)
    serving.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        serving.join()


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behind: str
    refuses: bool

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        if "If-None-Match" in self.headers and self.refuses:
            self._answer(501, {}, b"<Error><Code>NotImplemented</Code></Error>")
            return
        del self.headers["If-None-Match"]
        connection = http.client.HTTPConnection(self.behind, timeout=60)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            self._answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on  # noqa: N815

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        # the size of what HEAD is about is not that of its answer
        headers = {"Content-Length": str(len(body))} | headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
