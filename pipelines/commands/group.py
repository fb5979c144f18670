"""The frame around every command: what is done with an exception that a command raises."""

from __future__ import annotations

import sys
from typing import Any

import typer
from typer.core import TyperGroup

from pipelines.exit_codes import ExitCode


class CommandGroup(TyperGroup):
    """Ends a person's errors in one line on stderr; defects keep their traceback."""

    def invoke(self, ctx: Any) -> Any:
        """Run the command that was asked for."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            # late: it loads the error types of every room, and most calls of a command end well
            from pipelines.errors import persons_error

            line = persons_error(error)
            if line is None:
                raise
            print(f"mfp: {line}", file=sys.stderr)  # noqa: T201
            raise typer.Exit(ExitCode.FAILED) from None
