"""A command whose options are made late: Typer has its name and help at once, and the rest when it is run or shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand


def deferred(read: Callable[[], TyperCommand]) -> type[TyperCommand]:
    """A class for Typer's `cls`. Its options and its callback are those of the command that `read` returns."""

    class Deferred(TyperCommand):
        _params: list[Any] | None = None

        @property
        def params(self) -> list[Any]:
            if self._params is None:
                self._params = list(read().params)  # Typer may add to it
            return self._params

        @params.setter
        def params(self, of_name_alone: list[Any]) -> None:
            pass

        @property
        def callback(self) -> Callable[..., Any] | None:
            return read().callback

        @callback.setter
        def callback(self, of_name_alone: Callable[..., Any] | None) -> None:
            pass

    return Deferred
