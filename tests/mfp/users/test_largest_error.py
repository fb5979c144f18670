from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt, label

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.largest_error import deepest_pixel, largest_error
from tests.mfp.masks import masks, truths


@given(st.data())
def test_it_is_the_connected_error_around_the_deepest_pixel_with_the_depths_of_the_whole_error(
    data: st.DataObject,
) -> None:
    truth = data.draw(truths())
    mask = data.draw(masks(truth.shape))
    height, width = truth.shape
    pixels = st.tuples(st.integers(0, height - 1), st.integers(0, width - 1))
    clicks = [Click(y + 0.5, x, True) for y, x in data.draw(st.lists(pixels, max_size=3))]
    deepest = deepest_pixel(truth, mask, clicks)
    largest = largest_error(truth, mask, clicks)
    if isinstance(deepest, StopReason):
        assert largest is deepest
        return
    assert not isinstance(largest, StopReason)
    error = (truth == 1) & ~mask if deepest.is_missed else (truth == 0) & mask
    squares = np.rint(distance_transform_edt(np.pad(error, 1))[1:-1, 1:-1] ** 2)
    labels, _ = label(error, np.ones((3, 3)))
    part = labels == labels[deepest.y, deepest.x]
    for click in clicks:
        part[click.pixel] = False
    assert np.array_equal(np.argwhere(part), np.stack((largest.ys, largest.xs), axis=1))
    assert np.array_equal(np.rint(largest.depths.astype(np.float64) ** 2), squares[part])
    first = int(largest.depths.argmax())
    assert largest.click(first) == deepest.click == Click(deepest.y, deepest.x, deepest.is_missed)


def test_parts_that_touch_at_a_corner_are_one() -> None:
    truth = np.zeros((12, 12), np.int8)
    truth[1:4, 1:4] = truth[4:6, 4:6] = truth[8:10, 8:10] = 1
    largest = largest_error(truth, np.zeros((12, 12), np.bool_), [])
    assert not isinstance(largest, StopReason)
    assert len(largest.ys) == 9 + 4


def test_a_click_does_not_cut_an_error_in_two() -> None:
    truth = np.zeros((3, 9), np.int8)
    truth[1, 1:8] = 1
    largest = largest_error(truth, np.zeros((3, 9), np.bool_), [Click(1, 3, True)])
    assert not isinstance(largest, StopReason)
    assert largest.xs.tolist() == [1, 2, 4, 5, 6, 7]
