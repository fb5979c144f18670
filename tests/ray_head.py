"""A Ray cluster of this machine as a person has it: a head started with `ray start`, behind its own token."""

from __future__ import annotations

import os
import secrets
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from urllib.request import Request, urlopen

from tests.conftest import free_port
from tests.waiting import HANGS, wait_until

_TRIES = 3
"""Ray gives its processes half a minute to find one another; on a busy machine that may be too little."""


@dataclass(frozen=True)
class Head:
    """A cluster, where its files are, and how to run `mfp` as a person who may use it."""

    address: str
    environment: dict[str, str]
    folder: Path

    def mfp(self, *args: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "pipelines", *args]
        return subprocess.run(
            command, capture_output=True, text=True, env=self.environment, check=False, timeout=HANGS
        )

    def wait_for(self, job_id: str, condition: Callable[[str], bool]) -> str:
        """What `mfp status` prints as soon as the condition holds."""
        shown = ""

        def holds() -> bool:
            nonlocal shown
            shown = self.mfp("status", job_id).stdout
            return condition(shown)

        def check_goes_on() -> None:
            has_ended = any(state in shown for state in ("SUCCEEDED", "FAILED", "STOPPED"))
            assert not has_ended, f"{shown}\n{self.mfp('logs', job_id).stdout}"

        wait_until(holds, check_goes_on)
        return shown

    def get(self, path: str) -> str:
        """What Ray's dashboard answers to who has the token."""
        token = (self.folder / "token").read_text()
        request = Request(f"{self.address}{path}", headers={"Authorization": f"Bearer {token}"})
        with urlopen(request, timeout=HANGS) as answer:
            text: str = answer.read().decode()
            return text


@contextmanager
def ray_head(folder: Path, variables: Mapping[str, str]) -> Iterator[Head]:
    """A head with one CPU, its files in `folder`; its processes and those that ask it find `variables` beside ours."""
    token = folder / "token"
    token.write_text(secrets.token_hex(32))
    ports = {
        name: free_port()
        for name in ("port", "dashboard-port", "dashboard-agent-listen-port", "metrics-export-port")
    }
    address = f"http://127.0.0.1:{ports['dashboard-port']}"
    environment = {name: value for name, value in os.environ.items() if name != "AWS_ENDPOINT_URL"} | {
        "PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}",
        "RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER": "0",
        "RAY_AUTH_MODE": "token",
        "RAY_AUTH_TOKEN_PATH": str(token),
        "RAY_API_SERVER_ADDRESS": address,
        "OMP_NUM_THREADS": "1",
        **variables,
    }
    command = [
        str(Path(sys.executable).with_name("ray")),
        *[
            "start",
            "--head",
            "--block",
            "--disable-usage-stats",
            "--num-cpus=1",
            "--object-store-memory=100000000",
        ],
        *[
            "--node-ip-address=127.0.0.1",
            "--dashboard-host=127.0.0.1",
            "--min-worker-port=0",
            "--max-worker-port=0",
        ],
        f"--ray-client-server-port={free_port()}",
        f"--temp-dir={folder}",
        *(f"--{name}={port}" for name, port in ports.items()),
    ]
    head = Head(address, environment, folder)
    for _ in range(_TRIES):
        with _started(command, environment, folder / "log.txt") as process:
            if _answers(head, process):
                yield head
                return
    raise AssertionError((folder / "log.txt").read_text())


@contextmanager
def _started(
    command: Sequence[str], environment: Mapping[str, str], log: Path
) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as stream:
        process = subprocess.Popen(command, env=environment, stdout=stream, stderr=subprocess.STDOUT)
    try:
        yield process
    finally:
        process.terminate()  # with --block, Ray ends its other processes itself
        process.wait(HANGS)


def _answers(head: Head, process: subprocess.Popen[bytes]) -> bool:
    """Wait until the cluster answers; False if Ray has ended before."""
    while (asked := head.mfp("jobs")).returncode != 0:
        if process.poll() is not None:
            return False
        assert "no Ray cluster answers" in asked.stderr or "did not do as asked" in asked.stderr
        time.sleep(1)
    return True
