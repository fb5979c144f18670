"""Ways are timed in turns, and ratios are those of a turn."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from pipelines.benchmarks.turns import Ratio, Timings, Way, take_turns, timed


class SlowingClock:
    """A clock on which work takes as many seconds as its size, times a factor that grows."""

    def __init__(self, factors: Iterator[float]) -> None:
        self.now = 100.0
        self._factors = factors

    def __call__(self) -> float:
        return self.now

    def work(self, size: float) -> None:
        self.now += size * next(self._factors)


def test_a_way_takes_what_passes_on_the_clock_while_it_works() -> None:
    clock = SlowingClock(iter([1.0, 3.0]))
    way = timed(lambda: clock.work(2.0), clock)
    assert [way(), way()] == [2.0, 6.0]


def test_ways_take_turns_and_every_other_turn_goes_backwards() -> None:
    calls: list[str] = []

    def named(name: str) -> Way:
        def way() -> float:
            calls.append(name)
            return float(len(calls))

        return way

    timings = take_turns({name: named(name) for name in "abc"}, 3)
    assert "".join(calls) == "abccbaabc"
    assert timings.seconds == {"a": (1.0, 6.0, 7.0), "b": (2.0, 5.0, 8.0), "c": (3.0, 4.0, 9.0)}


def test_a_machine_that_slows_down_does_not_change_a_ratio() -> None:
    clock = SlowingClock(factor for turn in range(1, 6) for factor in (turn, turn))
    ways = {"slow": timed(lambda: clock.work(6.0), clock), "fast": timed(lambda: clock.work(2.0), clock)}
    timings = take_turns(ways, 5)
    assert timings.ratio("slow", "fast") == Ratio(3.0, 3.0, 3.0)
    assert timings.median("fast") == 2.0 * 3


def test_a_ratio_is_the_median_of_the_turns_with_its_extremes() -> None:
    timings = Timings({"one": (1.0, 8.0, 3.0), "other": (2.0, 2.0, 3.0)})
    assert timings.ratio("one", "other") == Ratio(1.0, 0.5, 4.0)
    assert timings.ratio("one", "one") == Ratio(1.0, 1.0, 1.0)
    assert timings.median("one") == 3.0


def test_ways_of_different_numbers_of_turns_are_not_compared() -> None:
    with pytest.raises(ValueError, match="shorter"):
        Timings({"one": (1.0, 2.0), "other": (1.0,)}).ratio("one", "other")
