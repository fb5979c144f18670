"""A command that is told to stop (SIGTERM, Ctrl-C): who hears it, what is closed first, and how the process leaves.

Python runs signal handlers in the main thread only, in whatever it is at: an exception that a handler raises comes out
of Ray, S3 or torch as a crash, or is swallowed there. So a command runs in a thread of its own, and the main thread
does nothing but wait, for the command and for signals. Nothing is ever torn.

Nothing that is committed depends on how a command ends. So the process leaves within a moment, unless something is
open that is better closed first (`closed_in_order`): then the command has `SECONDS` to notice it: loops
and waits call `check_stop`.
"""

from __future__ import annotations

import os
import select
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import NoReturn

SECONDS = 7.0  # of the 10 that are promised, on a busy machine as well; Ray's start and end may take longer
_SECONDS_TO_UNWIND = 0.5  # of a command that has nothing open
_SECONDS_FOR_LAST_ACTS = 1.0
_SIGNALS = (signal.SIGINT, signal.SIGTERM)
_WOKEN = 0  # in the pipe beside the numbers of signals

_requested = threading.Event()


class Stopped(BaseException):
    """The command was told to stop; raised by `check_stop`, so that what is open is closed on the way out."""


class _Open:
    """What is open now: how many blocks want to be closed in order, and what is done before the process leaves."""

    def __init__(self) -> None:
        self.lock = threading.Lock()
        self.num_blocks = 0
        self.last_acts: list[Callable[[], object]] = []
        self.on_closed: Callable[[], object] = lambda: None  # called when the last block has ended


_open = _Open()


def check_stop() -> None:
    """Raise Stopped if the command was told to stop."""
    if _requested.is_set():
        raise Stopped


@contextmanager
def closed_in_order() -> Iterator[None]:
    """Have a command that is told to stop get out of the block before the process leaves, if `SECONDS` are enough.

    Raises Stopped instead of entering the block if the command was told already.
    """
    with _open.lock:
        check_stop()
        _open.num_blocks += 1
    try:
        yield
    finally:
        with _open.lock:
            _open.num_blocks -= 1
            if _open.num_blocks == 0:
                _open.on_closed()


def before_leaving(act: Callable[[], object]) -> None:
    """Have something quick done when a stopped process leaves, which passes by every `finally` and `atexit`.

    It may have been done before, and by another thread.
    """
    _open.last_acts.append(act)


def run_command(command: Callable[[], object], what_next: str = "") -> None:
    """Run a command to its end, and raise what it raises; or leave with 130 or 143 and one line after a signal.

    For the main thread, once in a process. Ctrl-C is not taken if it was ignored before, as in the background of a
    shell. `what_next` is the end of that line: what a person can do then.
    """
    raised: list[BaseException] = []
    ended = threading.Event()
    received, woken = os.pipe()
    os.set_blocking(woken, False)

    def wake() -> None:
        os.write(woken, bytes([_WOKEN]))

    def run() -> None:
        try:
            command()
        except BaseException as error:  # raised again in the main thread
            raised.append(error)
        finally:
            ended.set()
            wake()

    _open.on_closed = wake
    _take_signals(woken)
    threading.Thread(target=run, name="command", daemon=True).start()
    while not ended.is_set():
        number = _next_of(received, None)
        if number in _SIGNALS:
            _stop(received, ended)
            _leave(number, what_next)
    _let_signals_end_the_process()
    if raised:
        raise raised[0]


def _take_signals(woken: int) -> None:
    """Have the number of every signal that comes written to a pipe, which wakes its reader whatever it is doing."""
    signal.set_wakeup_fd(woken, warn_on_full_buffer=False)
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, lambda *_: None)


def _let_signals_end_the_process() -> None:
    """Nobody listens any more, and Python may yet wait for threads that others have started."""
    for number in _SIGNALS:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, signal.SIG_DFL)
    signal.set_wakeup_fd(-1)


def _next_of(received: int, seconds: float | None) -> int:
    """The next byte of the pipe; `_WOKEN` if none comes in time."""
    ready, _, _ = select.select([received], [], [], seconds)
    return os.read(received, 1)[0] if ready else _WOKEN


def _stop(received: int, ended: threading.Event) -> None:
    """Tell the command, and wait until nothing is open or the time is over."""
    leave_at = time.monotonic() + SECONDS
    with _open.lock:
        _requested.set()
    while _open.num_blocks and (left := leave_at - time.monotonic()) > 0:
        _next_of(received, left)
    if not _open.num_blocks:
        ended.wait(_SECONDS_TO_UNWIND)


def _leave(number: int, what_next: str) -> NoReturn:
    how = "interrupted" if number == signal.SIGINT else "terminated"
    line = f"mfp: {how}; {what_next}\n" if what_next else f"mfp: {how}\n"
    try:
        _do_in_time(_do_last_acts)
        _do_in_time(lambda: _print_error(line))
    finally:
        os._exit(128 + number)


def _do_in_time(act: Callable[[], object]) -> None:
    """Do it, unless that takes too long, such as to write to a pipe that nobody reads."""
    thread = threading.Thread(target=act, name="last-acts", daemon=True)
    thread.start()
    thread.join(_SECONDS_FOR_LAST_ACTS)


def _do_last_acts() -> None:
    for act in (*reversed(_open.last_acts), sys.stdout.flush):
        with suppress(Exception):
            act()


def _print_error(line: str) -> None:
    with suppress(OSError):  # whoever read it is gone, as `tee` is after Ctrl-C
        os.write(2, line.encode())  # past the stream, whose lock the command may hold
