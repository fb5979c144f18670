"""Numbers of classes, in the order in which their names are first met."""

from __future__ import annotations


class Categories:
    """Class names and their numbers, from `first` on."""

    def __init__(self, first: int) -> None:
        self._first = first
        self._numbers: dict[str, int] = {}

    def number_of(self, name: str) -> int:
        """The number of a class, which is the next one if the name is new."""
        return self._numbers.setdefault(name, len(self._numbers) + self._first)

    @property
    def names(self) -> dict[int, str]:
        """Names by number."""
        return {number: name for name, number in self._numbers.items()}
