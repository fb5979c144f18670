from __future__ import annotations

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.ndimage import distance_transform_edt

from mfp.distance import boxed_distance, distance_to, object_distance
from tests.mfp.masks import masks

Mask = npt.NDArray[np.bool_]


def exact_squares(mask: Mask) -> npt.NDArray[np.float64]:
    """Squared distances by scipy's exact transform of the whole image, as the whole numbers that they are."""
    distance = distance_transform_edt(np.pad(mask, 1))[1:-1, 1:-1]
    return np.asarray(np.rint(distance**2))


@given(masks())
def test_distances_are_the_exact_ones_rounded_once(mask: Mask) -> None:
    np.testing.assert_array_equal(object_distance(mask), np.sqrt(exact_squares(mask)).astype(np.float32))


@given(masks())
def test_the_first_largest_pixel_in_row_major_order_is_right_among_ties(mask: Mask) -> None:
    assert object_distance(mask).argmax() == exact_squares(mask).argmax()


@given(masks(), st.integers(1, 90), st.integers(1, 90), st.integers(1, 40))
def test_a_bounding_box_gives_the_distances_of_the_whole_image_bit_for_bit(
    mask: Mask, top: int, left: int, margin: int
) -> None:
    height, width = mask.shape
    image = np.zeros((top + height + margin, left + width + margin), np.bool_)
    image[top : top + height, left : left + width] = mask
    whole = cv2.distanceTransform(np.pad(image, 1).view(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_PRECISE)
    whole_squares = np.rint(whole[1:-1, 1:-1].astype(np.float64) ** 2)
    of_image = object_distance(image)
    np.testing.assert_array_equal(np.rint(of_image.astype(np.float64) ** 2), whole_squares)
    np.testing.assert_array_equal(of_image[top : top + height, left : left + width], object_distance(mask))


@given(masks())
def test_the_box_holds_every_pixel_of_the_mask_and_no_more(mask: Mask) -> None:
    boxed = boxed_distance(mask)
    height, width = boxed.distance.shape
    inside = mask[boxed.top : boxed.top + height, boxed.left : boxed.left + width]
    assert inside.sum() == mask.sum()
    np.testing.assert_array_equal(boxed.distance > 0, inside)
    if mask.any():
        assert inside[0].any() and inside[-1].any() and inside[:, 0].any() and inside[:, -1].any()


def test_the_border_of_the_image_counts_as_outside() -> None:
    distance = object_distance(np.ones((5, 7), np.bool_))
    np.testing.assert_array_equal(distance[2], [1, 2, 3, 3, 3, 2, 1])
    assert distance.argmax() == 2 * 7 + 2


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (0, 4)])
def test_an_empty_mask_has_no_depth(shape: tuple[int, int]) -> None:
    assert object_distance(np.zeros(shape, np.bool_)).shape == shape
    assert not object_distance(np.zeros(shape, np.bool_)).any()
    assert boxed_distance(np.zeros(shape, np.bool_)).distance.size == 0


def test_masks_that_are_views_are_read_right_and_left_alone() -> None:
    wide = np.random.default_rng(0).random((40, 60)) < 0.8
    before = wide.copy()
    np.testing.assert_array_equal(object_distance(wide.T), object_distance(np.ascontiguousarray(wide.T)))
    np.testing.assert_array_equal(object_distance(wide[::2, ::3]), object_distance(wide[::2, ::3].copy()))
    np.testing.assert_array_equal(wide, before)


def test_large_objects_keep_exact_distances_up_to_1200_pixels_of_depth() -> None:
    rng = np.random.default_rng(1)
    mask = np.ones((2400, 3000), np.bool_)
    mask[rng.integers(0, 2400, 3), rng.integers(0, 3000, 3)] = False
    distance = object_distance(mask)
    np.testing.assert_array_equal(distance, np.sqrt(exact_squares(mask)).astype(np.float32))


@given(masks())
def test_distances_to_a_mask_are_the_exact_ones_and_the_border_is_no_part_of_it(mask: Mask) -> None:
    expected = np.rint(distance_transform_edt(~mask) ** 2) if mask.any() else np.full(mask.shape, np.inf)
    np.testing.assert_array_equal(distance_to(mask), np.sqrt(expected).astype(np.float32))
