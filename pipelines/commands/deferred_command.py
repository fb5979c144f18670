"""A command of which Typer knows the name and the help, and the rest once it is the one that is run or shown."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from typer.core import TyperCommand


def deferred(read: Callable[[], TyperCommand]) -> type[TyperCommand]:
    """A class for Typer's `cls`: options and callback are those of what `read` returns. It is called when needed."""

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
