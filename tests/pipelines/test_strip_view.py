"""Frames of a film strip show all that is to be seen, large enough to be seen."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from pipelines.jobs.strip_view import StripView

SIDES = st.integers(1, 400)


@given(SIDES, SIDES, st.data())
def test_a_view_holds_what_is_to_be_seen_and_lies_within_the_image(
    height: int, width: int, data: st.DataObject
) -> None:
    seen = np.zeros((height, width), np.bool_)
    for _ in range(data.draw(st.integers(0, 3))):
        seen[data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))] = True
    view = StripView.around(seen)
    crop = view.crop
    assert 0 <= crop.row_min <= crop.row_max < height
    assert 0 <= crop.col_min <= crop.col_max < width
    assert np.count_nonzero(crop.window(seen)) == np.count_nonzero(seen)
    assert max(view.size) == 250
    assert min(view.size) >= 32
    frame = view.pixels(np.zeros((height, width, 3), np.uint8))
    assert frame.shape == view.whereabouts(np.zeros((height, width, 3), np.uint8)).shape
    assert frame.shape[:2] == view.mask(seen).shape == view.size[::-1]


@given(SIDES, SIDES, st.data())
def test_every_pixel_of_the_view_has_its_point_in_the_frame(
    height: int, width: int, data: st.DataObject
) -> None:
    y, x = data.draw(st.integers(0, height - 1)), data.draw(st.integers(0, width - 1))
    seen = np.zeros((height, width), np.bool_)
    seen[y, x] = True
    view = StripView.around(seen)
    column, row = view.point(y, x)
    assert 0 <= column <= view.size[0]
    assert 0 <= row <= view.size[1]


def test_of_a_long_thin_object_more_is_shown_of_what_lies_beside_it() -> None:
    seen = np.zeros((900, 900), np.bool_)
    seen[450:460, 100:800] = True
    crop = StripView.around(seen).crop
    assert (crop.width, crop.height) == (875, 218)
    assert crop.row_min < 450 - 100
    assert crop.row_max > 460 + 90


@pytest.mark.parametrize("shape", [(1, 3000), (3000, 1), (1, 1)])
def test_of_an_image_of_one_row_or_column_frames_are_stretched_until_they_are_seen(
    shape: tuple[int, int],
) -> None:
    view = StripView.around(np.ones(shape, np.bool_))
    image = np.full((*shape, 3), 200, np.uint8)
    assert min(view.size) == (32 if max(shape) > 1 else 250)
    assert (view.pixels(image) == 200).all()
    assert (view.whereabouts(image) == 200).any()
