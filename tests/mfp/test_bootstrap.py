"""Intervals of means over objects: they cover the truth as often as they say, and images are drawn whole."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfp.bootstrap import mean_interval


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
