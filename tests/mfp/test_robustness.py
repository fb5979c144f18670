from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfp.robustness import robustness

OF_THREE = st.lists(st.integers(1, 20), min_size=3, max_size=3)


def test_worse_is_the_ratio_of_means_and_spread_that_of_the_worst_and_best_draws() -> None:
    protocol = np.array([2.0, 4.0])
    drawn = np.array([[2.0, 4.0], [3.0, 8.0], [4.0, 6.0]])
    found = robustness(protocol, drawn)
    assert (found.num_objects, found.protocol, found.drawn) == (2, 3.0, 4.5)
    assert found.worse == pytest.approx(0.5)
    # worst draw of each object: 4 and 8; best: 2 and 4
    assert found.spread == pytest.approx(6 / 3 - 1)


def test_a_tenth_of_twenty_draws_is_two() -> None:
    drawn = np.arange(1.0, 21.0)[:, None]
    assert robustness(np.array([1.0]), drawn).spread == pytest.approx(19.5 / 1.5 - 1)


def test_a_spread_over_draws_that_need_no_click_has_no_bound() -> None:
    assert robustness(np.array([1.0]), np.array([[0.0], [1.0]])).spread == math.inf


@given(
    st.lists(OF_THREE, min_size=1, max_size=25),
    OF_THREE,
)
def test_figures_do_not_depend_on_the_order_of_draws_and_objects(
    drawn: list[list[int]], protocol: list[int]
) -> None:
    one = robustness(np.array(protocol, float), np.array(drawn, float))
    other = robustness(np.array(protocol, float)[::-1], np.array(drawn, float)[::-1, ::-1])
    assert (one.worse, one.spread) == pytest.approx((other.worse, other.spread))
    assert one.spread >= 0
