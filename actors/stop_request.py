"""Ctrl-C and SIGTERM while Ray is in use: they are noted, and the loops that wait look at the note.

A handler that raises is no good there. Python runs it inside Ray's compiled code, which wraps the exception
(`SystemError: ... returned a result with an exception set`), loses it in a callback, or crashes.
"""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

from actors.stop_deadline import start_deadline

_notes: list[list[int]] = []  # of each block that is open, the innermost last: the signals that arrived in it


class StopRequested(BaseException):
    """A signal was noted; it unwinds the block of `noted_signals`, at whose end the signal is taken."""


def check_stop() -> None:
    """Raise StopRequested if a signal was noted. Loops of the main thread that wait call this, each second or so."""
    is_main = threading.current_thread() is threading.main_thread()
    if is_main and _notes and _notes[-1]:
        raise StopRequested


@contextmanager
def noted_signals() -> Iterator[None]:
    """Note Ctrl-C and SIGTERM inside the block, and take them at its end with the handlers from before.

    Ray puts handlers of its own in place when it starts: one ends in a stack trace, another leaves with exit code 15
    and without a word. So starting Ray needs a block of its own, inside the one in which it is used.
    What else is raised after a signal was noted is a consequence of it, such as a worker that was ended too.
    In other threads than the main one no signal arrives, and the block does nothing.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    noted: list[int] = []

    def note(number: int, _: object) -> None:
        start_deadline(number)
        noted.append(number)

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    for number, handler in before.items():
        if handler is not signal.SIG_IGN:  # what runs in the background may be told to take no Ctrl-C
            signal.signal(number, note)
    _notes.append(noted)
    try:
        yield
    except SystemExit as left:
        if left.code != signal.SIGTERM and not noted:
            raise
        if not noted:  # Ray's handler took it
            note(signal.SIGTERM, None)
    except BaseException:
        if not noted:
            raise
    finally:
        _notes.pop()
        for number, handler in before.items():
            signal.signal(number, handler)
    if noted:
        signal.raise_signal(noted[0])
        raise StopRequested  # the handler from before has noted it as well: its block ends too
