from __future__ import annotations

import math
import time

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfp.boundary_iou import TrueBoundary, boundary_distance, boundary_iou
from mfp.metrics import iou
from tests.mfp.masks import masks, truths

DISTANCES = st.integers(1, 90)


def square(top: int, left: int, side: int, shape: tuple[int, int] = (12, 12)) -> npt.NDArray[np.bool_]:
    mask = np.zeros(shape, np.bool_)
    mask[top : top + side, left : left + side] = True
    return mask


def within(mask: npt.NDArray[np.bool_], distance: int) -> npt.NDArray[np.bool_]:
    """Pixels of a mask with one that is none at most that many rows and columns away; all beyond the image are none."""
    padded = np.pad(mask, distance)
    near = np.zeros_like(mask)
    for row, col in np.argwhere(mask):
        near[row, col] = not padded[row : row + 2 * distance + 1, col : col + 2 * distance + 1].all()
    return near


def by_definition(mask: npt.NDArray[np.bool_], truth: npt.NDArray[np.int8], distance: int) -> float | None:
    mine, theirs = within(mask & (truth >= 0), distance), within(truth == 1, distance)
    union = np.count_nonzero(mine | theirs)
    return np.count_nonzero(mine & theirs) / union if union else None


@pytest.mark.parametrize(
    ("height", "width", "distance"), [(480, 640, 16), (300, 400, 10), (12, 12, 1), (1, 1, 1), (321, 481, 12)]
)
def test_the_distance_is_two_percent_of_the_diagonal_and_at_least_one(
    height: int, width: int, distance: int
) -> None:
    assert boundary_distance(height, width) == distance
    assert distance == max(1, round(0.02 * math.sqrt(height**2 + width**2)))


def test_of_squares_shifted_by_one_only_the_sides_that_they_share_agree() -> None:
    # rings of 5 x 5 squares, 16 pixels each; of columns 3 to 6 the upper and lower rows are common
    assert boundary_iou(square(2, 3, 5), square(2, 2, 5).astype(np.int8)) == 8 / (16 + 16 - 8)


def test_a_hole_has_a_contour_too() -> None:
    truth = square(2, 2, 7).astype(np.int8)
    with_hole = truth == 1
    with_hole[5, 5] = False
    # the outer ring of 24 pixels is common, the 8 around the hole are the mask's alone
    assert boundary_iou(with_hole, truth) == 24 / 32
    assert iou(with_hole, truth) == 48 / 49


def test_the_border_of_the_image_is_contour() -> None:
    truth = np.ones((6, 6), np.int8)
    assert boundary_iou(truth == 1, truth) == 1.0
    # the ring of 20 pixels along the image's border, against 14 of it and the 4 beside the missing column
    narrower = truth == 1
    narrower[:, 5] = False
    assert boundary_iou(narrower, truth) == 14 / 24


def test_ignored_pixels_are_in_neither_mask() -> None:
    truth = square(2, 2, 6).astype(np.int8)
    truth[:, 6:8] = -1
    mask = square(2, 2, 6)
    assert boundary_iou(mask, truth) == 1.0  # perfect where it counts
    mask[:, 6:8] = ~mask[:, 6:8]
    assert boundary_iou(mask, truth) == 1.0
    # what counts is 6 x 4, with a ring of 16 pixels; without its first column 6 x 3, with one of 14
    mask[:, 2] = False
    assert boundary_iou(mask, truth) == 10 / 20


def test_without_any_pixel_in_both_there_is_no_value() -> None:
    truth = np.zeros((5, 7), np.int8)
    assert boundary_iou(np.zeros((5, 7), np.bool_), truth) is None
    truth[:] = -1
    assert boundary_iou(np.ones((5, 7), np.bool_), truth) is None


def test_one_empty_mask_has_the_value_0() -> None:
    assert boundary_iou(np.zeros((12, 12), np.bool_), square(2, 2, 4).astype(np.int8)) == 0
    assert boundary_iou(square(2, 2, 4), np.zeros((12, 12), np.int8)) == 0


@given(st.data(), masks(), st.integers(1, 12))
def test_it_is_what_the_definition_says(
    data: st.DataObject, mask: npt.NDArray[np.bool_], distance: int
) -> None:
    truth = data.draw(truths(mask.shape))
    assert boundary_iou(mask, truth, distance) == by_definition(mask, truth, distance)


@given(st.data(), masks(), DISTANCES)
def test_the_masks_may_change_places(data: st.DataObject, one: npt.NDArray[np.bool_], distance: int) -> None:
    other = data.draw(masks(one.shape))
    there = boundary_iou(one, other.astype(np.int8), distance)
    assert boundary_iou(other, one.astype(np.int8), distance) == there
    assert there is None or 0 <= there <= 1


@given(masks(), DISTANCES)
def test_equal_masks_have_the_value_1(mask: npt.NDArray[np.bool_], distance: int) -> None:
    assert boundary_iou(mask, mask.astype(np.int8), distance) == (1.0 if mask.any() else None)


@given(st.data(), truths())
def test_what_a_mask_does_on_ignored_pixels_changes_nothing(
    data: st.DataObject, truth: npt.NDArray[np.int8]
) -> None:
    mask, elsewhere = data.draw(masks(truth.shape)), data.draw(masks(truth.shape))
    assert boundary_iou(np.where(truth == -1, elsewhere, mask), truth) == boundary_iou(mask, truth)


@given(st.data(), masks())
def test_beyond_the_size_of_the_object_it_is_the_iou(
    data: st.DataObject, mask: npt.NDArray[np.bool_]
) -> None:
    truth = data.draw(truths(mask.shape))
    assert boundary_iou(mask, truth, max(mask.shape)) == iou(mask, truth)


def test_a_step_on_a_photograph_takes_less_than_a_millisecond() -> None:
    rows, cols = np.mgrid[:480, :640]
    mask = ((rows - 240) / 220) ** 2 + ((cols - 320) / 300) ** 2 < 1
    truth = np.roll(mask, 5, axis=1).astype(np.int8)
    boundary, seconds = TrueBoundary(truth), []
    for _ in range(50):
        begun = time.perf_counter()
        boundary.iou(mask)
        seconds.append(time.perf_counter() - begun)
    assert min(seconds) < 0.001


def test_it_agrees_with_steps_of_a_small_square_as_the_authors_take_them() -> None:
    mask = cv2.GaussianBlur(np.random.default_rng(0).standard_normal((120, 160)), (0, 0), 9.0) > 0
    truth = np.roll(mask, 3, axis=0)
    rings = []
    for one in (mask, truth):
        bordered = cv2.copyMakeBorder(one.astype(np.uint8), 1, 1, 1, 1, cv2.BORDER_CONSTANT, value=0)
        eroded = cv2.erode(bordered, np.ones((3, 3), np.uint8), iterations=boundary_distance(120, 160))
        rings.append(one & (eroded[1:-1, 1:-1] == 0))
    expected = np.count_nonzero(rings[0] & rings[1]) / np.count_nonzero(rings[0] | rings[1])
    assert boundary_iou(mask, truth.astype(np.int8)) == expected
