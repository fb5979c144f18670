"""A moto server in a process of its own: S3 on this machine."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.waiting import wait_until


@contextmanager
def moto_server(log: Path) -> Iterator[str]:
    """The URL of a server that runs inside the block and writes to `log`; it takes any credentials."""
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", "0"]
    with log.open("wb") as stream:
        server = subprocess.Popen(command, stdout=stream, stderr=subprocess.STDOUT)
        try:
            yield _url_of(server, log)
        finally:
            server.kill()
            server.wait()


def _url_of(server: subprocess.Popen[bytes], log: Path) -> str:
    """The URL that the server announces: nobody else can have taken a port that it chose itself."""

    def announced() -> list[str]:
        return re.findall(r"Running on (http://127\.0\.0\.1:\d+)", log.read_text())

    def check_alive() -> None:
        assert server.poll() is None, f"moto's server did not start: {log.read_text()}"

    wait_until(lambda: bool(announced()), check_alive)
    return announced()[0]
