"""A command of `mfp` that notes when it came how far: what it logs anyway, with the time of each line.

`python -m pipelines.benchmarks.stamped_command STAMPS.json label ...` is `mfp label ...` with such notes.
"""

from __future__ import annotations

import json
import logging
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from pipelines.errors import BenchError

_LOGGERS = ("actors", "pipelines")


@dataclass(frozen=True)
class Stamps:
    """A command that has ended.

    Attributes:
        began: when it was called, seconds since the epoch.
        ended: when it had ended.
        lines: what it logged, with the time of each line, in order; without what was filled in.
    """

    began: float
    ended: float
    lines: Sequence[tuple[float, str]]

    def first(self, wanted: str) -> float:
        """When a line was logged for the first time. BenchError if it never was."""
        for when, line in self.lines:
            if line == wanted:
                return when
        raise BenchError(f"the measured command logged no line {wanted!r}: what it did cannot be told apart")


def run_stamped(arguments: Sequence[str], folder: Path) -> Stamps:
    """Run `mfp` with these arguments to its end; `folder` is for its notes.

    Raises:
        BenchError: it failed.

    """
    path = folder / "stamps.json"
    command = [sys.executable, "-m", __name__, str(path), *arguments]
    began = time.time()
    ended = subprocess.run(command, check=False, capture_output=True, text=True)  # noqa: S603  # our own command
    now = time.time()
    if ended.returncode:
        said = ended.stderr.strip().splitlines() or ["nothing"]
        raise BenchError(f"mfp {arguments[0]} ended with code {ended.returncode} and said: {said[-1]}")
    return Stamps(began, now, [(when, line) for when, line in json.loads(path.read_text())])


class _Notes(logging.Handler):
    """Keeps every line with its time."""

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[tuple[float, str]] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.lines.append((record.created, str(record.msg)))


def main() -> None:
    """Run the command as its own entry does, and leave its notes where the first argument says."""
    path, sys.argv = Path(sys.argv[1]), ["mfp", *sys.argv[2:]]
    notes = _Notes()
    for name in _LOGGERS:
        logging.getLogger(name).addHandler(notes)
        logging.getLogger(name).setLevel(logging.INFO)
    from pipelines.__main__ import main as run

    try:
        run()
    finally:
        path.write_text(json.dumps(notes.lines))


if __name__ == "__main__":
    main()
