"""What a piece of work is, and a way of doing it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, TypeAlias

Function: TypeAlias = Callable[[Any], Any]
"""Does the work on one input."""


@dataclass(frozen=True)
class Choice:
    """A library, or code of ours, that does a piece of work.

    `load` imports what it needs and returns the function: ImportError, or what else the library raises, if it is not
    all here.
    """

    name: str
    load: Callable[[], Function]


@dataclass(frozen=True)
class Piece:
    """A piece of work: what does it in this project, and what could do it instead.

    Attributes:
        name: says what is done.
        inputs: what it is done on, one after the other.
        ours: as this project does it.
        others: instead of that.
        agree: whether two results are the same.
    """

    name: str
    inputs: Sequence[Any]
    ours: Choice
    others: tuple[Choice, ...]
    agree: Callable[[Any, Any], bool]
