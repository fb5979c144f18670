"""The frame around every command: what is done with an exception that a command raises."""

from __future__ import annotations

import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, NoReturn

import typer
from typer.core import TyperGroup

from actors.stop_deadline import deadlines, start_deadline, stopped_line
from pipelines.exit_codes import ExitCode


class Terminated(BaseException):
    """SIGTERM arrived: the machine or the cluster takes this process away (pre-emption)."""


class CommandGroup(TyperGroup):
    """Ends a person's errors in one line on stderr; defects keep their traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            with deadlines(), _raising_on_signals():
                return super().invoke(ctx)
        except (KeyboardInterrupt, Terminated) as stopped:
            is_interrupt = isinstance(stopped, KeyboardInterrupt)
            print(stopped_line(signal.SIGINT if is_interrupt else signal.SIGTERM), file=sys.stderr)  # noqa: T201
            raise typer.Exit(ExitCode.INTERRUPTED if is_interrupt else ExitCode.TERMINATED) from None
        except Exception as error:
            # late: it loads the error types of every room, and most calls of a command end well
            from pipelines.errors import persons_error

            line = persons_error(error)
            if line is None:
                raise
            print(f"mfp: {line}", file=sys.stderr)  # noqa: T201
            raise typer.Exit(ExitCode.FAILED) from None


@contextmanager
def _raising_on_signals() -> Iterator[None]:
    """Leave by an exception, so that everything that was opened is closed, but not later than the deadline."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def terminate(number: int, _: object) -> NoReturn:
        start_deadline(number)
        signal.signal(number, signal.SIG_IGN)  # once is enough: what is closed now should not be torn
        raise Terminated

    def interrupt(number: int, _: object) -> NoReturn:
        start_deadline(number)
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)}
    signal.signal(signal.SIGTERM, terminate)
    if before[signal.SIGINT] is signal.default_int_handler:  # else Ctrl-C is ignored, as in the background
        signal.signal(signal.SIGINT, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
