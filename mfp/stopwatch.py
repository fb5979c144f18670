"""Adds up the time that one thing takes."""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

ItemT = TypeVar("ItemT")


class Stopwatch:
    """Wall time, in seconds, of all that was done while it was running. For one thread; it runs once at a time."""

    def __init__(self) -> None:
        self.seconds = 0.0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Count what is done inside, also if it raises."""
        started = time.perf_counter()
        try:
            yield
        finally:
            self.seconds += time.perf_counter() - started

    def over(self, items: Iterable[ItemT]) -> Iterator[ItemT]:
        """The same items; the time that it takes to make them counts, and not what is done with them."""
        iterator = iter(items)
        while True:
            with self.running():
                try:
                    item = next(iterator)
                except StopIteration:
                    return
            yield item
