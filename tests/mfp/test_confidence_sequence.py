"""A confidence sequence holds at all times what it says, narrows, and ends at the mean."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from mfp.bootstrap import Interval
from mfp.confidence_sequence import ALPHA, DrawnPopulation, confidence_sequence

NUM_ORDERS = 1000
# A sequence that misses with probability ALPHA misses in more than this many of 1,000 orders once in a thousand.
_MOST_MISSES = int(NUM_ORDERS * ALPHA + 3.1 * math.sqrt(NUM_ORDERS * ALPHA * (1 - ALPHA)))

Values = NDArray[np.float64]


def drawn(values: Values, lowest: Values, highest: Values, order: NDArray[np.int64]) -> DrawnPopulation:
    return DrawnPopulation(lowest[order], highest[order], values[order], values[order])


def population(name: str) -> tuple[Values, Values, Values]:
    """Values, and the lowest and highest that each could have had."""
    rng = np.random.default_rng(7)
    size = 24
    if name == "skewed":  # a few shards fail badly
        values = np.where(np.arange(size) < 2, 15.0, -1 + 0.5 * rng.random(size))
        return values, np.full(size, -4.0), np.full(size, 16.0)
    if name == "two points, at the bounds":
        return np.where(np.arange(size) < 3, 16.0, -3.0), np.full(size, -3.0), np.full(size, 16.0)
    if name == "constant":
        return np.full(size, 0.3), np.full(size, -3.0), np.full(size, 16.0)
    if name == "near the bounds of each":
        lowest = -19 * rng.random(size)
        return lowest + 0.01 * rng.random(size), lowest, lowest + 19
    assert name == "shards of other sizes"  # one has half of all objects
    sizes = np.append(rng.integers(1, 4, size - 1), 40)
    base = [rng.integers(1, 21, count) for count in sizes]
    new = [np.clip(one + rng.integers(-3, 6, len(one)), 1, 20) for one in base]
    scale = size / sizes.sum()
    return (
        scale * np.array([(after - before).sum() for after, before in zip(new, base, strict=True)]),
        scale * np.array([(1 - before).sum() for before in base]),
        scale * np.array([(20 - before).sum() for before in base]),
    )


@pytest.mark.parametrize(
    "name",
    [
        "skewed",
        "two points, at the bounds",
        "constant",
        "near the bounds of each",
        "shards of other sizes",
    ],
)
def test_the_mean_is_in_all_intervals_of_a_sequence_as_often_as_promised(name: str) -> None:
    values, lowest, highest = population(name)
    assert ((lowest <= values) & (values <= highest)).all()
    mean = values.mean()
    rng = np.random.default_rng(0)
    num_misses = 0
    for _ in range(NUM_ORDERS):
        sequence = confidence_sequence(drawn(values, lowest, highest, rng.permutation(len(values))))
        num_misses += any(not low - 1e-9 <= mean <= high + 1e-9 for low, high in sequence)
    assert num_misses <= _MOST_MISSES


def test_peeking_at_a_bootstrap_would_miss_far_more_often() -> None:
    """What the sequence is for: a population on which the usual test, repeated, is wrong too often."""
    values, _, _ = population("skewed")
    rng = np.random.default_rng(0)
    num_misses = 0
    for _ in range(NUM_ORDERS):
        order = values[rng.permutation(len(values))]
        for count in range(4, len(values)):
            head = order[:count]
            width = 1.96 * head.std(ddof=1) / math.sqrt(count)
            if not head.mean() - width <= values.mean() <= head.mean() + width:
                num_misses += 1
                break
    assert num_misses > 4 * _MOST_MISSES


def decided_after(values: Values, lowest: Values, highest: Values, seed: int) -> int:
    order = np.random.default_rng(seed).permutation(len(values))
    sequence = confidence_sequence(drawn(values, lowest, highest, order))
    return next((k for k, (low, high) in enumerate(sequence) if low > 0 or high < 0), len(values))


@pytest.mark.parametrize("difference", [4.0, -2.5])
def test_a_clear_difference_is_decided_early_and_none_is_not(difference: float) -> None:
    rng = np.random.default_rng(3)
    noise = rng.normal(size=60)
    lowest, highest = np.full(60, -4.0), np.full(60, 15.0)
    clear = np.clip(difference + 0.3 * noise, lowest, highest)
    none = noise - noise.mean()
    assert max(decided_after(clear, lowest, highest, seed) for seed in range(20)) <= 30
    assert sum(decided_after(none, lowest, highest, seed) < 55 for seed in range(20)) <= 3


def test_a_mean_that_only_the_bounds_of_single_shards_tell_is_used() -> None:
    """Shards that can only be worse: the first draw above its bound decides, no common bound would."""
    lowest, highest = np.zeros(10), np.full(10, 19.0)
    lowest[9] = -0.001
    values = np.full(10, 2.0)
    assert decided_after(values, lowest, highest, 0) == 1


@st.composite
def populations(draw: st.DrawFn) -> DrawnPopulation:
    size = draw(st.integers(1, 12))
    numbers = st.lists(st.floats(0, 1), min_size=size, max_size=size)
    lowest = -19 * np.array(draw(numbers))
    highest = lowest + 19 * np.array(draw(numbers))
    at_least = lowest + np.array(draw(numbers)) * (highest - lowest)
    is_known = draw(st.booleans())
    at_most = at_least if is_known else at_least + np.array(draw(numbers)) * (highest - at_least)
    return DrawnPopulation(lowest, highest, at_least, np.minimum(at_most, highest))


@settings(max_examples=40)
@given(populations())
def test_intervals_narrow_and_end_at_what_is_known_of_the_mean(of: DrawnPopulation) -> None:
    low, high = of.at_least.mean(), of.at_most.mean()
    intervals = list(confidence_sequence(of))
    assert len(intervals) == of.size + 1
    for before, after in pairwise(intervals):
        has_missed = not (after.low - 1e-9 <= high and low <= after.high + 1e-9)
        assert has_missed or (before.low - 1e-9 <= after.low and after.high <= before.high + 1e-9)
    for count, interval in enumerate(intervals):
        certain = of.first(count).certain
        assert certain.low - 1e-9 <= interval.low <= interval.high + 1e-9 <= certain.high + 2e-9
    if (of.at_least == of.at_most).all():
        assert intervals[-1] == pytest.approx(Interval(low, low), abs=1e-9)


@settings(max_examples=30)
@given(populations(), st.integers(0, 12))
def test_what_is_not_known_of_a_value_never_narrows_an_interval(of: DrawnPopulation, which: int) -> None:
    """Whatever an object that could not be evaluated would have had, a verdict without it is one with it."""
    known = DrawnPopulation(of.lowest, of.highest, of.at_least, of.at_least)
    idx = which % of.size
    at_least, at_most = of.at_least.copy(), of.at_least.copy()
    at_least[idx], at_most[idx] = of.lowest[idx], of.highest[idx]
    unknown = DrawnPopulation(of.lowest, of.highest, at_least, at_most)
    mean = of.at_least.mean()
    for with_it, without in zip(confidence_sequence(known), confidence_sequence(unknown), strict=True):
        has_missed = not with_it.low - 1e-9 <= mean <= with_it.high + 1e-9
        if has_missed:
            break
        assert without.low <= with_it.low + 1e-4
        assert with_it.high - 1e-4 <= without.high
