"""Intervals of means over objects: they cover the truth as often as they say, and images are drawn whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfp.bootstrap import FEWEST_TRUSTED_IMAGES, mean_interval, mean_intervals
from tests.mfp.measure_intervals import misses, populations


def test_the_interval_covers_the_true_mean_about_as_often_as_it_says() -> None:
    """Images of three objects that share a difficulty; a bootstrap over objects would cover far less often."""
    rng = np.random.default_rng(0)
    image_idx = np.repeat(np.arange(40), 3)
    covered = []
    for _ in range(150):
        values = np.repeat(rng.normal(size=40), 3) + 0.1 * rng.normal(size=120)
        interval = mean_interval(values, image_idx)
        assert interval is not None
        covered.append(interval.low <= 0 <= interval.high)
    assert 0.88 < np.mean(covered) < 0.99


@settings(max_examples=20)
@given(
    st.lists(st.tuples(st.floats(-20, 20), st.integers(0, 6)), min_size=2, max_size=30),
    st.integers(0, 3),
)
def test_the_interval_lies_within_the_values_and_does_not_depend_on_their_order(
    rows: list[tuple[float, int]], seed: int
) -> None:
    values, image_idx = np.array([value for value, _ in rows]), np.array([image for _, image in rows])
    interval = mean_interval(values, image_idx, seed)
    if len(set(image_idx.tolist())) < 2:
        assert interval is None
        return
    assert interval is not None
    slack = 1e-9 * (1 + np.abs(values).max())
    assert values.min() - slack <= interval.low <= interval.high <= values.max() + slack
    order = np.random.default_rng(seed).permutation(len(rows))
    assert mean_interval(values[order], image_idx[order], seed) == pytest.approx(interval, abs=1e-9)


def test_equal_values_leave_no_doubt() -> None:
    assert mean_interval(np.full(5, 2.5), np.arange(5)) == (2.5, 2.5)


def test_several_values_of_the_objects_are_judged_by_the_same_draws() -> None:
    rng = np.random.default_rng(3)
    image_idx = rng.integers(0, 30, 80)
    columns = [rng.normal(size=80) for _ in range(4)]
    intervals = mean_intervals(columns, image_idx)
    assert len(intervals) == 4
    for column, interval in zip(columns, intervals, strict=True):
        assert mean_interval(column, image_idx) == pytest.approx(interval)


def test_of_many_images_the_interval_is_that_of_the_drawn_ones() -> None:
    """5,001 images are not drawn any more; 5,000 of them are."""
    rng = np.random.default_rng(5)
    image_idx = np.repeat(np.arange(5_001), 3)
    values = np.repeat(rng.normal(size=5_001), 3) + rng.normal(size=len(image_idx))
    computed = mean_interval(values, image_idx)
    drawn = mean_interval(values[3:], image_idx[3:])
    assert computed is not None
    assert drawn is not None
    width = drawn.high - drawn.low
    assert computed == pytest.approx(drawn, abs=0.05 * width)


def test_over_few_images_the_interval_is_too_narrow_to_be_trusted() -> None:
    """What `FEWEST_TRUSTED_IMAGES` is about; `measure_intervals` has the figures of more images."""
    nocs = populations()["NoC"]
    (of_few, _), (of_enough, _) = (misses(nocs, num, num_tries=300) for num in (5, FEWEST_TRUSTED_IMAGES))
    assert of_few > 0.16
    assert of_enough < 0.14
