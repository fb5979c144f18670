"""S3 servers as the field has them: a proxy in front of one that takes everything, with the manners of another."""

from __future__ import annotations

import http.client
import re
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Literal
from urllib.parse import urlsplit

from tests.waiting import HANGS

Manner = Literal[
    "refuses_checksums",
    "insists_on_its_region",
    "redirects",
    "is_a_console",
    "is_read_only",
    "ignores_conditions",
    "refuses_conditions",
]

REGION = "eu-central-1"
_HOP_BY_HOP = {"connection", "transfer-encoding", "keep-alive"}
_PAGE = b"<!doctype html><html><head><title>Console</title></head><body></body></html>"


@contextmanager
def look_alike_s3(endpoint: str, manner: Manner) -> Iterator[str]:
    """Serve what `endpoint` serves with the manners of another store, at the URL that the block gets.

    `refuses_checksums`: 400 for any header of the newer clients' checksums. `insists_on_its_region`: 400 for requests
    that were signed for another region than `REGION`, in a HEAD without a word; `redirects`: 301 for those, and the
    region is not named. `is_a_console`: a page for every path. `is_read_only`: 403 for whatever writes.
    `ignores_conditions`: a put with If-None-Match is done without it; `refuses_conditions`: it is answered with 501.
    """

    class Handler(_Proxy):
        behind = urlsplit(endpoint).netloc

    Handler.manner = manner
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
    manner: Manner

    def _pass_on(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        refusal = getattr(self, f"_{self.manner}")()
        if refusal is not None:
            self._answer(*refusal)
            return
        connection = http.client.HTTPConnection(self.behind, timeout=HANGS)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            headers = {name: value for name, value in answer.getheaders() if name.lower() not in _HOP_BY_HOP}
            self._answer(answer.status, headers, answer.read())
        finally:
            connection.close()

    do_GET = do_PUT = do_HEAD = do_POST = do_DELETE = _pass_on  # noqa: N815

    def _refuses_checksums(self) -> tuple[int, dict[str, str], bytes] | None:
        for name in self.headers:
            if name.lower().startswith(("x-amz-checksum-", "x-amz-sdk-checksum", "x-amz-trailer")):
                return self._error(
                    400, "InvalidArgument", f"Unsupported header '{name}' received for this API call."
                )
        return None

    def _insists_on_its_region(self) -> tuple[int, dict[str, str], bytes] | None:
        region = self._signed_region()
        if region in {None, REGION}:
            return None
        return self._error(
            400, "AuthorizationHeaderMalformed", f"the region '{region}' is wrong; expecting '{REGION}'"
        )

    def _redirects(self) -> tuple[int, dict[str, str], bytes] | None:
        if self._signed_region() in {None, REGION}:
            return None
        return self._error(
            301, "PermanentRedirect", "The bucket must be addressed using the specified endpoint."
        )

    def _is_a_console(self) -> tuple[int, dict[str, str], bytes]:
        return (200 if self.command in {"GET", "HEAD"} else 405), {"Content-Type": "text/html"}, _PAGE

    def _is_read_only(self) -> tuple[int, dict[str, str], bytes] | None:
        return None if self.command in {"GET", "HEAD"} else self._error(403, "AccessDenied", "Access Denied")

    def _ignores_conditions(self) -> tuple[int, dict[str, str], bytes] | None:
        del self.headers["If-None-Match"]
        return None

    def _refuses_conditions(self) -> tuple[int, dict[str, str], bytes] | None:
        if "If-None-Match" not in self.headers:
            return None
        return self._error(501, "NotImplemented", "A header you provided implies functionality")

    def _signed_region(self) -> str | None:
        found = re.search(r"Credential=[^/]+/\d+/([^/]+)/", self.headers.get("Authorization", ""))
        return None if found is None else found[1]

    def _error(self, status: int, code: str, message: str) -> tuple[int, dict[str, str], bytes]:
        text = f"<Error><Code>{code}</Code><Message>{message}</Message></Error>"
        return status, {"Content-Type": "application/xml"}, text.encode()

    def _answer(self, status: int, headers: dict[str, str], body: bytes) -> None:
        self.send_response_only(status)
        # the size of what HEAD is about is not that of its answer
        headers = {"Content-Length": str(len(body))} | headers
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Say nothing."""
