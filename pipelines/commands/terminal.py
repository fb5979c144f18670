"""Where results are printed: stdout, whether a person or a program reads it."""

from __future__ import annotations

import sys

from rich.console import Console, RenderableType

_PIPE_WIDTH = 1000


def print_result(result: RenderableType) -> None:
    """Print a table or text; into a file or a pipe nothing is wrapped or cut to the width of a terminal."""
    console = Console() if sys.stdout.isatty() else Console(width=_PIPE_WIDTH)
    console.print(result, soft_wrap=not console.is_terminal)
