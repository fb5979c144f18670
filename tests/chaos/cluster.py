"""The three Ray nodes as seen from outside: their address, the processes of their workers, and how to kill either."""

from __future__ import annotations

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from pathlib import Path
from typing import Any

from tests.chaos.errors import ChaosError
from tests.chaos.ray_nodes import NUM_WORKER_NODES

SECONDS_TO_START = 300
SECONDS_TO_ANSWER = 180  # a node takes that long on a machine that does much else
_WORKER_TITLE = "ray::LabelWorker"


class RayCluster:
    """A running cluster; `close` ends it."""

    def __init__(self, log: Path) -> None:
        with log.open("ab") as stream:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "tests.chaos.ray_nodes"],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=stream,
                text=True,
            )
        self._log = log
        self._answers: queue.SimpleQueue[str] = queue.SimpleQueue()
        threading.Thread(target=self._read, daemon=True).start()
        self._seen_workers: set[int] = set()
        self.address = str(self._next_answer(SECONDS_TO_START)["address"])

    def workers(self) -> list[int]:
        """Process ids of the labelling workers that live now, in order."""
        children: dict[int, list[int]] = {}
        for pid, parent in _parents().items():
            children.setdefault(parent, []).append(pid)
        below, descendants = [self._process.pid], set()
        while below:
            found = children.get(below.pop(), [])
            descendants.update(found)
            below.extend(found)
        workers = sorted(pid for pid in descendants if _is_worker(pid))
        self._seen_workers.update(workers)
        return workers

    def outliving_workers(self) -> list[int]:
        """Those of all workers ever seen that still live, those of killed nodes included."""
        self.workers()
        return sorted(pid for pid in self._seen_workers if _is_worker(pid))

    def kill_worker(self, draw: float) -> int | None:
        """Kill one of the workers; its process id, or None if there is none."""
        workers = self.workers()
        if not workers:
            return None
        pid = workers[int(draw * len(workers))]
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            return None
        return pid

    def kill_node(self, draw: float) -> int | None:
        """Kill a node that is not the head; the process id of its raylet, or None if that was not alive."""
        self.workers()
        pid: int | None = self._ask(f"kill {int(draw * NUM_WORKER_NODES)}")["pid"]
        return pid

    def add_node(self) -> None:
        """Add a node and wait until it runs."""
        self._ask("add")

    def close(self) -> None:
        """End all nodes."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(SECONDS_TO_ANSWER)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()

    def _ask(self, command: str) -> dict[str, Any]:
        assert self._process.stdin is not None
        self._process.stdin.write(f"{command}\n")
        self._process.stdin.flush()
        return self._next_answer(SECONDS_TO_ANSWER)

    def _read(self) -> None:
        assert self._process.stdout is not None
        for line in self._process.stdout:
            if line.startswith("{"):
                self._answers.put(line)
        self._answers.put("")

    def _next_answer(self, seconds: float) -> dict[str, Any]:
        try:
            line = self._answers.get(timeout=seconds)
        except queue.Empty:
            line = ""
        if not line:
            raise ChaosError(
                f"the Ray cluster has ended, or not answered for {seconds:.0f} s: see {self._log}"
            )
        answer: dict[str, Any] = json.loads(line)
        return answer


def _parents() -> dict[int, int]:
    """Parent of every process of this machine."""
    parents = {}
    for status in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = status.read_text().rpartition(")")[2].split()
        except OSError:
            continue  # it ended meanwhile
        parents[int(status.parent.name)] = int(fields[1])
    return parents


def _is_worker(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().startswith(_WORKER_TITLE.encode())
    except OSError:
        return False
