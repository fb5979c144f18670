"""One labelling run and the drivers that work on it, one after the other: always the same command."""

from __future__ import annotations

import re
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from pipelines.exit_codes import ExitCode
from tests.chaos.errors import ChaosError

_FINISHED = {ExitCode.DONE, ExitCode.QUARANTINED}
_HAND_OUT = re.compile(r"shard (\S+) goes to worker")
_FAILED_TRY = re.compile(r"attempt \S+ failed: ")
_LOST_WORKER = re.compile(r"worker \d+ is lost: ")
_LONGEST_LINE = 200


@dataclass(frozen=True)
class HandOuts:
    """What the drivers of a run have logged: shards handed out, tries that failed, workers that were lost."""

    num: int
    num_failed: int
    num_lost_workers: int

    def __add__(self, other: HandOuts) -> HandOuts:
        return HandOuts(
            self.num + other.num,
            self.num_failed + other.num_failed,
            self.num_lost_workers + other.num_lost_workers,
        )


class LabelRun:
    """A run directory and the command that fills it. Every driver has a log of its own below `folder`."""

    def __init__(self, url: str, arguments: Sequence[str], folder: Path) -> None:
        self.url = url
        self.ended: list[str] = []  # drivers that ended before the run was complete, and not by a kill
        self._command = [sys.executable, "-m", "tests.chaos.logged_cli", *arguments, "--out", url]
        self._folder = folder
        self._process: subprocess.Popen[bytes] | None = None
        self._num_drivers = 0
        self._began = time.monotonic()
        folder.mkdir(parents=True)

    @property
    def directory(self) -> RunDirectory:
        """The run directory."""
        return RunDirectory(self.url, Storage())

    @property
    def num_drivers(self) -> int:
        """How many drivers were started."""
        return self._num_drivers

    @property
    def seconds(self) -> float:
        """Wall time since the first driver was started."""
        return time.monotonic() - self._began

    @property
    def pid(self) -> int | None:
        """The process id of the driver while it runs."""
        return None if self._process is None or self._process.poll() is not None else self._process.pid

    def start_driver(self) -> None:
        """Give the command, for the first time or again."""
        if self._num_drivers == 0:
            self._began = time.monotonic()
        self._num_drivers += 1
        with self._log(self._num_drivers).open("wb") as log:
            self._process = subprocess.Popen(self._command, stdout=log, stderr=log)

    def kill_driver(self) -> int | None:
        """SIGKILL; the process id, or None if it had ended before."""
        if self._process is None or self._process.poll() is not None:
            return None
        self._process.kill()
        self._process.wait(timeout=30)
        return self._process.pid

    def has_finished(self) -> bool:
        """Whether a driver says that the run is over. One that ended in another way is noted, and given again later."""
        if self._process is None or self._process.poll() is None:
            return False
        if self._process.returncode in _FINISHED:
            return True
        self.ended.append(f"exit code {self._process.returncode}: {self._last_line()}")
        self._process = None
        return False

    def complete(self, seconds: float) -> None:
        """Label without being disturbed.

        Raises:
            ChaosError: it fails, or takes longer.

        """
        self.start_driver()
        assert self._process is not None
        try:
            self._process.wait(seconds)
        except subprocess.TimeoutExpired:
            raise ChaosError(
                f"an undisturbed run takes more than {seconds:.0f} s: {self._last_line()}"
            ) from None
        if not self.has_finished():
            raise ChaosError(f"an undisturbed run failed, {self.ended[-1]}")

    def hand_outs(self) -> HandOuts:
        """Counted in the logs of all drivers."""
        logs = "".join(
            self._log(number).read_text(errors="replace") for number in range(1, self._num_drivers + 1)
        )
        return HandOuts(*(len(what.findall(logs)) for what in (_HAND_OUT, _FAILED_TRY, _LOST_WORKER)))

    def _log(self, number: int) -> Path:
        return self._folder / f"driver-{number:03d}.log"

    def _last_line(self) -> str:
        lines = self._log(self._num_drivers).read_text(errors="replace").strip().splitlines()
        return lines[-1][:_LONGEST_LINE] if lines else "(it said nothing)"
