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

from pipelines.exit_codes import ExitCode


class Terminated(BaseException):
    """SIGTERM arrived: the machine or the cluster takes this process away (pre-emption)."""


class CommandGroup(TyperGroup):
    """Ends a person's errors in one line on stderr; defects keep their traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            with _raising_on_sigterm():
                return super().invoke(ctx)
        except (KeyboardInterrupt, Terminated) as stopped:
            is_interrupt = isinstance(stopped, KeyboardInterrupt)
            how = "interrupted" if is_interrupt else "terminated"
            print(f"mfp: {how}; the same command goes on where it stopped", file=sys.stderr)  # noqa: T201
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
def _raising_on_sigterm() -> Iterator[None]:
    """Leave by an exception, so that everything that was opened is closed, as after Ctrl-C."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, _: object) -> NoReturn:
        signal.signal(number, signal.SIG_IGN)  # once is enough: what is closed now should not be torn
        raise Terminated

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
