"""A stopwatch counts what is done while it runs, and nothing else."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from mfp.stopwatch import Stopwatch

PAUSE = 0.03


def test_times_add_up_also_if_something_raises() -> None:
    stopwatch = Stopwatch()
    with stopwatch.running():
        time.sleep(PAUSE)
    once = stopwatch.seconds
    time.sleep(PAUSE)
    assert stopwatch.seconds == once >= PAUSE
    with pytest.raises(KeyError), stopwatch.running():
        time.sleep(PAUSE)
        raise KeyError
    assert stopwatch.seconds >= once + PAUSE


def test_of_items_their_making_counts_and_not_their_use() -> None:
    def slow(num: int) -> Iterator[int]:
        for item in range(num):
            time.sleep(PAUSE)
            yield item
        time.sleep(PAUSE)  # until it is known that nothing more comes

    stopwatch, used = Stopwatch(), 0.0
    began = time.perf_counter()
    found = []
    for item in stopwatch.over(slow(3)):
        found.append(item)
        began_using = time.perf_counter()
        time.sleep(2 * PAUSE)
        used += time.perf_counter() - began_using
    assert found == [0, 1, 2]
    assert 4 * PAUSE <= stopwatch.seconds <= time.perf_counter() - began - used


def test_an_error_of_what_makes_the_items_reaches_who_asks_for_them() -> None:
    def broken() -> Iterator[int]:
        yield 1
        raise ValueError("no more")

    items = Stopwatch().over(broken())
    assert next(items) == 1
    with pytest.raises(ValueError, match="no more"):
        next(items)
