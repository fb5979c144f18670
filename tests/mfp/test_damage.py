from __future__ import annotations

import hashlib
import math

import cv2
import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from mfp.damage import damaged
from mfp.defects import (
    Defect,
    MakeDefect,
    false_piece,
    hole,
    missing_piece,
    rounded_shape,
    several_pieces,
    shifted_boundary,
)
from mfp.metrics import iou
from mfp.users.draws import keyed_draw
from tests.mfp.masks import truths

LOW, HIGH = 0.75, 0.85
RANGES = st.sampled_from([(LOW, HIGH), (0.5, 0.6), (0.9, 0.95), (0.0, 0.1), (0.3, 0.9)])
NUMBERS = st.integers(0, 2**32 - 1)


def blob(seed: int, height: int = 90, width: int = 120, with_ignored: bool = False) -> npt.NDArray[np.int8]:
    """A truth whose object has one part or more, of any shape; with ignored pixels around it if asked for."""
    noise = keyed_draw("blob", seed).standard_normal((height, width)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), 8))
    truth = np.asarray(smooth > np.quantile(smooth, 0.8), np.int8)
    if with_ignored:
        truth[(smooth > np.quantile(smooth, 0.75)) & (truth == 0)] = -1
    return truth


def ellipse() -> npt.NDArray[np.int8]:
    rows, columns = np.mgrid[:80, :100]
    return np.asarray(((rows - 40) / 24) ** 2 + ((columns - 45) / 30) ** 2 < 1, np.int8)


def reached(truth: npt.NDArray[np.int8], mask: npt.NDArray[np.bool_]) -> float:
    value = iou(mask, truth)
    assert value is not None
    return value


@settings(max_examples=60)
@given(NUMBERS, st.booleans(), RANGES)
def test_the_iou_of_a_damaged_blob_lies_in_the_range(
    seed: int, with_ignored: bool, bounds: tuple[float, float]
) -> None:
    truth = blob(seed, with_ignored=with_ignored)
    assert np.count_nonzero(truth == 1) >= 400
    mask = damaged(truth, keyed_draw("test", seed), *bounds)
    assert bounds[0] <= reached(truth, mask) <= bounds[1]
    assert (mask & (truth == 1)).any()


@settings(max_examples=100)
@given(st.data(), NUMBERS, RANGES)
def test_so_does_that_of_every_object_with_enough_pixels_for_the_range(
    data: st.DataObject, seed: int, bounds: tuple[float, float]
) -> None:
    truth, (low, high) = data.draw(truths()), bounds
    assume((truth == 1).any())
    mask = damaged(truth, keyed_draw("test", seed), low, high)
    assert (mask & (truth == 1)).any()
    area = np.count_nonzero(truth == 1)
    # one pixel of it stays, which is more than nothing
    if area >= math.ceil(1 / (high - low)) and 1 / area <= high:
        assert low <= reached(truth, mask) <= high


@given(NUMBERS)
def test_equal_draws_make_equal_masks_and_the_truth_is_left_as_it_is(seed: int) -> None:
    truth = blob(seed)
    before = truth.copy()
    first, second = (damaged(truth, keyed_draw("test", seed), LOW, HIGH) for _ in range(2))
    assert np.array_equal(first, second)
    assert np.array_equal(truth, before)
    assert not np.array_equal(first, damaged(truth, keyed_draw("test", seed + 1), LOW, HIGH))


def test_a_mask_is_the_same_on_every_machine() -> None:
    bits = b"".join(
        np.packbits(damaged(ellipse(), keyed_draw("test", number), LOW, HIGH)).tobytes()
        for number in range(20)
    )
    assert hashlib.sha256(bits).hexdigest()[:16] == "0272789bb7d1ef7f"


def test_the_ious_fill_the_range() -> None:
    ious = [
        reached(ellipse(), damaged(ellipse(), keyed_draw("test", number), LOW, HIGH)) for number in range(200)
    ]
    counts, _ = np.histogram(ious, bins=5, range=(LOW, HIGH))
    assert counts.sum() == 200
    assert counts.min() >= 20


def test_what_surrounds_the_object_far_away_does_not_matter() -> None:
    truth = ellipse()
    wide = np.pad(truth, 200)
    mask, of_wide = (damaged(each, keyed_draw("test"), LOW, HIGH) for each in (np.pad(truth, 60), wide))
    assert np.array_equal(np.pad(mask, 140), of_wide)


def test_an_ignored_band_around_the_object_is_shared_between_both_sides() -> None:
    truth = ellipse()
    banded = truth.copy()
    kernel = np.ones((5, 5), np.uint8)
    grown, shrunk = cv2.dilate(truth.view(np.uint8), kernel), cv2.erode(truth.view(np.uint8), kernel)
    banded[grown != shrunk] = -1
    made = [damaged(banded, keyed_draw("test", number), LOW, HIGH) for number in range(50)]
    assert all(LOW <= reached(banded, mask) <= HIGH for mask in made)
    drawn = np.mean(made, axis=0)
    inner, outer = (float(drawn[(banded == -1) & (truth == side)].mean()) for side in (1, 0))
    assert outer < 0.4
    assert inner > 0.5


@pytest.mark.parametrize("area", range(1, 10))
def test_a_tiny_object_gets_the_iou_nearest_to_the_range_and_is_never_lost(area: int) -> None:
    truth = np.zeros((9, 9), np.int8)
    truth.ravel()[40 : 40 + area] = 1
    for number in range(30):
        mask = damaged(truth, keyed_draw("test", number), LOW, HIGH)
        value = reached(truth, mask)
        assert (mask & (truth == 1)).any()
        beyond = max(LOW - value, value - HIGH, 0.0)
        assert beyond <= (1 / area - (HIGH - LOW)) / 2 + 1e-9  # half of a pixel's step over the range


def test_an_object_that_fills_the_image_is_damaged_too() -> None:
    truth = np.ones((40, 50), np.int8)
    for number in range(50):
        assert LOW <= reached(truth, damaged(truth, keyed_draw("test", number), LOW, HIGH)) <= HIGH


def test_an_object_among_ignored_pixels_only_is_damaged_too() -> None:
    truth = np.full((40, 50), -1, np.int8)
    truth[10:30, 10:30] = 1
    for number in range(50):
        assert LOW <= reached(truth, damaged(truth, keyed_draw("test", number), LOW, HIGH)) <= HIGH


def test_nothing_comes_of_a_truth_without_object() -> None:
    assert not damaged(np.zeros((20, 30), np.int8), keyed_draw("test"), LOW, HIGH).any()


@pytest.mark.parametrize(("low", "high"), [(0.8, 0.7), (-0.1, 0.5), (0.5, 1.1), (math.nan, 0.5)])
def test_a_range_that_is_none_is_refused(low: float, high: float) -> None:
    with pytest.raises(ValueError, match=r"need 0 <= low <= high <= 1; change one of them$"):
        damaged(ellipse(), keyed_draw("test"), low, high)


def test_the_whole_range_may_be_one_number() -> None:
    assert reached(ellipse(), damaged(ellipse(), keyed_draw("test"), 0.8, 0.8)) == pytest.approx(
        0.8, abs=0.001
    )


def first_pixels(defect: Defect, mask: npt.NDArray[np.bool_], num: int) -> npt.NDArray[np.bool_]:
    """Where the first pixels lie that the defect changes."""
    order = np.where(defect.is_object != mask, defect.order, np.inf).ravel()
    taken = np.zeros(mask.size, np.bool_)
    taken[np.argsort(order, kind="stable")[:num]] = True
    return taken.reshape(mask.shape)


@pytest.mark.parametrize("number", range(10))
@pytest.mark.parametrize(
    ("make", "is_on_object", "touches_boundary"),
    [(missing_piece, True, True), (false_piece, False, True), (hole, True, False)],
)
def test_a_piece_is_where_its_name_says(
    make: MakeDefect, is_on_object: bool, touches_boundary: bool, number: int
) -> None:
    mask = ellipse() == 1
    taken = first_pixels(make(mask, keyed_draw("test", number)), mask, 60)
    assert (mask[taken] == is_on_object).all()
    other = cv2.dilate((mask != is_on_object).view(np.uint8), np.ones((3, 3), np.uint8)) > 0
    assert bool((taken & other).any()) == touches_boundary
    num_parts, _ = cv2.connectedComponents(taken.view(np.uint8), connectivity=8)
    assert num_parts == 2  # background, and the piece


def test_a_shifted_boundary_lies_on_both_sides_of_the_true_one() -> None:
    mask = ellipse() == 1
    both = 0
    for number in range(20):
        taken = first_pixels(shifted_boundary(mask, keyed_draw("test", number)), mask, 200)
        both += bool((taken & mask).any() and (taken & ~mask).any())
        depth = cv2.distanceTransform(mask.view(np.uint8), cv2.DIST_L2, 5)
        assert depth[taken].max() < 20
    assert both >= 12


def test_a_rounded_shape_loses_its_thin_parts_first_and_leaves_straight_boundaries() -> None:
    mask = np.zeros((100, 120), np.bool_)
    mask[30:70, 20:60] = True
    mask[48:52, 60:100] = True  # a tail
    defect = rounded_shape(mask, keyed_draw("test"))
    taken = first_pixels(defect, mask, 80)
    assert taken[48:52, 64:100].sum() == taken.sum() == 80
    assert np.isinf(defect.order[40:60, 20]).all()


def test_pieces_never_take_a_pixel_from_each_other_and_there_is_always_one() -> None:
    mask = ellipse() == 1
    for number in range(30):
        defect = several_pieces(mask, keyed_draw("test", number))
        assert (np.isfinite(defect.order) & (defect.is_object != mask)).any()
