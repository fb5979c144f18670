"""A process that was told to stop is gone in time, also where closing what it has open takes longer.

Ray's start and end take seconds, on a busy machine many. What is committed is safe at any moment, and a Ray of this
machine ends with the process that started it: so nothing is lost by leaving at once.
"""

from __future__ import annotations

import os
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

SECONDS = 8.0  # of the 10 that are promised; clusters that take machines away give 30

_last_acts: list[Callable[[], object]] = []


@dataclass
class _Frame:
    """A command under way, and the deadline that it may have got."""

    timer: threading.Timer | None = None


_frames: list[_Frame] = []


def stopped_line(number: int) -> str:
    """What a person reads when a command was ended by this signal."""
    how = "interrupted" if number == signal.SIGINT else "terminated"
    return f"mfp: {how}; the same command goes on where it stopped"


def start_deadline(number: int) -> None:
    """Leave in `SECONDS` with the shell's exit code for this signal; the first signal counts, inside `deadlines` only.

    For whatever takes a signal: also where it is only noted, because the step under way must not be torn.
    """
    if _frames and _frames[-1].timer is None:
        _frames[-1].timer = timer = threading.Timer(SECONDS, _leave, (number,))
        timer.daemon = True
        timer.start()


def before_forced_end(act: Callable[[], object]) -> None:
    """Have a quick act done before the process leaves by force, which passes by `finally` and `atexit`."""
    _last_acts.append(act)


@contextmanager
def deadlines() -> Iterator[None]:
    """Signals that are taken inside the block have a deadline, which is lifted where the block ends before."""
    frame = _Frame()
    _frames.append(frame)
    try:
        yield
    finally:
        _frames.remove(frame)
        if frame.timer is not None:
            frame.timer.cancel()


def _leave(number: int) -> None:
    try:
        for act in _last_acts:
            act()
        print(stopped_line(number), file=sys.stderr, flush=True)  # noqa: T201
    finally:
        os._exit(128 + number)
