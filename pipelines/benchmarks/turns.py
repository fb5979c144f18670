"""Ways of doing the same work, timed in turns: what else the machine does meets all of them alike."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from statistics import median
from typing import TypeAlias

Way: TypeAlias = Callable[[], float]
"""Does the work once and returns the seconds it took."""


@dataclass(frozen=True)
class Ratio:
    """The time of one way over that of another in the same turn: the median of all turns, the lowest, the highest."""

    median: float
    lowest: float
    highest: float


@dataclass(frozen=True)
class Timings:
    """Seconds of each way by its name: as many as there were turns, in their order."""

    seconds: Mapping[str, tuple[float, ...]]

    def median(self, name: str) -> float:
        """Seconds, the median over the turns."""
        return median(self.seconds[name])

    def ratio(self, name: str, other: str) -> Ratio:
        """How many times the time of `other` a way takes; each turn gives one ratio."""
        ratios = [mine / its for mine, its in zip(self.seconds[name], self.seconds[other], strict=True)]
        return Ratio(median(ratios), min(ratios), max(ratios))


def timed(work: Callable[[], object], clock: Callable[[], float] = time.perf_counter) -> Way:
    """The work as a way, by the wall clock."""

    def way() -> float:
        started = clock()
        work()
        return clock() - started

    return way


def take_turns(ways: Mapping[str, Way], num_turns: int) -> Timings:
    """Go each way once in every turn, in their order and the next time in the reverse order.

    What ways need once, such as memory that is handed out and kernels that are chosen, is the caller's to do before.
    """
    seconds: dict[str, list[float]] = {name: [] for name in ways}
    for turn in range(num_turns):
        names = list(ways) if turn % 2 == 0 else list(ways)[::-1]
        for name in names:
            seconds[name].append(ways[name]())
    return Timings({name: tuple(of_way) for name, of_way in seconds.items()})
