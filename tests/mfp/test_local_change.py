from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp
from numpy.typing import NDArray

from mfp.local_change import changed_part

Masks = NDArray[np.bool_]
SHAPES = hnp.array_shapes(min_dims=2, max_dims=2, min_side=1, max_side=12)


def flooded(difference: Masks, start: tuple[int, int]) -> Masks:
    """Pixels that a flood from `start` reaches over 8 neighbours, one at a time."""
    reached = np.zeros_like(difference)
    waiting = [start]
    while waiting:
        y, x = waiting.pop()
        inside = 0 <= y < difference.shape[0] and 0 <= x < difference.shape[1]
        if inside and difference[y, x] and not reached[y, x]:
            reached[y, x] = True
            waiting += [(y + down, x + right) for down in (-1, 0, 1) for right in (-1, 0, 1)]
    return reached


@given(st.data())
def test_the_changed_part_is_what_a_flood_from_the_clicks_reaches(data: st.DataObject) -> None:
    shape = data.draw(SHAPES)
    before, after = (data.draw(hnp.arrays(np.bool_, shape)) for _ in range(2))
    pixel = st.tuples(st.integers(-2, shape[0] + 1), st.integers(-2, shape[1] + 1))
    pixels = data.draw(st.lists(pixel, max_size=3))
    expected = np.zeros(shape, np.bool_)
    for start in pixels:
        expected |= flooded(before != after, start)
    assert np.array_equal(changed_part(before, after, pixels), expected)


def test_parts_that_touch_at_a_corner_are_one() -> None:
    before = np.zeros((4, 4), np.bool_)
    after = np.eye(4, dtype=np.bool_)
    assert np.array_equal(changed_part(before, after, [(0, 0)]), after)


@pytest.mark.parametrize("pixel", [(0, 0), (-1, 2), (4, 1), (2, 4)])
def test_nothing_changes_if_the_clicks_pixel_did_not(pixel: tuple[int, int]) -> None:
    before = np.zeros((4, 4), np.bool_)
    after = before.copy()
    after[2, 2] = True
    assert not changed_part(before, after, [pixel]).any()
