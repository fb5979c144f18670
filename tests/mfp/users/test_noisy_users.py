"""What each kind of user promises beside what holds for all of them."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt
import pytest

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.boundary_user import BoundaryUser
from mfp.users.distance_weighted_user import DistanceWeightedUser
from mfp.users.draws import keyed_draw
from mfp.users.jitter_user import JitterUser
from mfp.users.largest_error import LargestError, largest_error
from mfp.users.lazy_user import LazyUser
from mfp.users.simulated_user import SimulatedUser, UserClick
from mfp.users.uniform_user import UniformUser
from mfp.users.wrong_label_user import WrongLabelUser

TRUTH = np.pad(np.ones((20, 12), np.int8), 40)
"""(100, 92): an object of 20 x 12 pixels whose deepest pixel is the first of those that are 6 deep."""
NOTHING = np.zeros(TRUTH.shape, np.bool_)
DEEPEST = Click(45, 45, True)


def made_by(user: SimulatedUser, num: int, clicks: tuple[Click, ...] = ()) -> list[UserClick]:
    """First clicks of as many draws."""
    made = [user.next_click(TRUTH, NOTHING, clicks, keyed_draw("test", idx)) for idx in range(num)]
    return [click for click in made if isinstance(click, UserClick)]


def chi_square(made: list[UserClick], error: LargestError, weights: npt.NDArray[np.float64]) -> float:
    counts = np.zeros(TRUTH.shape)
    for click in made:
        counts[click.click.pixel] += 1
    assert counts.sum() == counts[error.ys, error.xs].sum()
    expected = len(made) * weights / weights.sum()
    return float(((counts[error.ys, error.xs] - expected) ** 2 / expected).sum())


def whole_object() -> LargestError:
    error = largest_error(TRUTH, NOTHING, [])
    assert isinstance(error, LargestError)
    assert len(error.ys) == 240
    return error


LIMIT = 239 + 3.1 * math.sqrt(2 * 239)
"""Of chi-square with 239 degrees of freedom, about 1 in 1,000."""


def test_distance_weighted_clicks_are_as_likely_as_they_are_deep() -> None:
    error, made = whole_object(), made_by(DistanceWeightedUser(), 6000)
    assert chi_square(made, error, error.depths.astype(np.float64)) < LIMIT
    assert chi_square(made, error, np.ones(240)) > 2 * LIMIT


def test_uniform_clicks_are_equally_likely() -> None:
    error, made = whole_object(), made_by(UniformUser(), 6000)
    assert chi_square(made, error, np.ones(240)) < LIMIT


@pytest.mark.parametrize("p", [0.0, 0.1, 0.5, 1.0])
def test_labels_are_wrong_as_often_as_was_asked_for(p: float) -> None:
    made = made_by(WrongLabelUser(p=p), 2000)
    assert {click.click.pixel for click in made} == {DEEPEST.pixel}
    num_wrong = sum(not click.click.is_foreground for click in made)
    assert abs(num_wrong - 2000 * p) <= 3.3 * math.sqrt(2000 * p * (1 - p))


def test_a_wrong_label_on_surplus_says_object() -> None:
    user = WrongLabelUser(p=1)
    made = user.next_click(np.zeros((9, 9), np.int8), np.ones((9, 9), np.bool_), [], keyed_draw("test"))
    assert made == UserClick(Click(4, 4, True))


@pytest.mark.parametrize(
    ("user", "deviation"),
    [(JitterUser(pixels=4), 4.0), (JitterUser(share=0.25), 0.25 * math.sqrt(240))],
)
def test_jitter_is_gaussian_around_the_protocols_click(user: JitterUser, deviation: float) -> None:
    made = made_by(user, 4000)
    offsets = np.array([(click.click.y - DEEPEST.y, click.click.x - DEEPEST.x) for click in made])
    assert not any(click.is_clamped for click in made)
    assert all(click.click.is_foreground for click in made)
    assert np.abs(offsets.mean(axis=0)).max() < 3.3 * deviation / math.sqrt(4000)
    # rounding to pixels adds a twelfth to the variance
    assert offsets.std(axis=0) == pytest.approx(math.hypot(deviation, math.sqrt(1 / 12)), rel=0.04)
    assert abs(np.corrcoef(offsets.T)[0, 1]) < 0.05
    within = (np.abs(offsets) <= deviation).mean()
    assert within == pytest.approx(0.68, abs=0.06)


def test_jitter_out_of_the_image_is_clamped_to_it_and_says_so() -> None:
    truth = np.zeros((30, 50), np.int8)
    truth[:3, 20:23] = 1
    clamped: list[Click] = []
    inside: list[Click] = []
    for idx in range(200):
        made = JitterUser(pixels=4).next_click(truth, truth == 2, [], keyed_draw("test", idx))
        assert isinstance(made, UserClick)
        (clamped if made.is_clamped else inside).append(made.click)
    assert {click.y for click in clamped} == {0.0}
    assert len({click.x for click in clamped}) > 5
    assert 40 < len(clamped) < 100
    assert len({click.y for click in inside}) > 5


def test_jitter_on_an_image_of_one_pixel_stays_on_it() -> None:
    made = JitterUser(pixels=100).next_click(
        np.ones((1, 1), np.int8), np.zeros((1, 1), np.bool_), [], keyed_draw("test")
    )
    assert made == UserClick(Click(0, 0, True), is_clamped=True)


@pytest.mark.parametrize(("pixels", "num"), [(1.0, 60), (3.0, 240 - 14 * 6), (100.0, 240)])
def test_boundary_clicks_cover_all_that_is_no_deeper_than_was_asked_for(pixels: float, num: int) -> None:
    error = whole_object()
    depth = np.zeros(TRUTH.shape)
    depth[error.ys, error.xs] = error.depths
    clicked = {click.click.pixel for click in made_by(BoundaryUser(pixels=pixels), 4000)}
    assert max(depth[pixel] for pixel in clicked) <= pixels
    assert len(clicked) == num == int((error.depths <= pixels).sum())


def test_a_boundary_user_goes_deeper_if_all_shallow_pixels_were_clicked() -> None:
    error = whole_object()
    shallow = tuple(error.click(int(idx)) for idx in np.flatnonzero(error.depths <= 1))
    made = made_by(BoundaryUser(pixels=1), 500, shallow)
    ring = {(y, x) for y in range(41, 59) for x in range(41, 51) if y in (41, 58) or x in (41, 50)}
    assert {click.click.pixel for click in made} == ring


def test_a_lazy_user_stops_at_its_iou_and_clicks_once_at_least() -> None:
    half = TRUTH == 1
    half[50:] = False  # 10 of 20 rows: an IoU of 0.5
    draw = keyed_draw("test")
    assert isinstance(LazyUser(iou=0.5).next_click(TRUTH, half, [], draw), UserClick)
    assert LazyUser(iou=0.5).next_click(TRUTH, half, [DEEPEST], draw) is StopReason.SATISFIED
    assert isinstance(LazyUser(iou=0.501).next_click(TRUTH, half, [DEEPEST], draw), UserClick)


def test_a_lazy_user_does_not_see_ignored_pixels() -> None:
    truth = TRUTH.copy()
    truth[50:60, 40:52] = -1
    half = TRUTH == 1
    half[50:] = False
    assert LazyUser(iou=1).next_click(truth, half, [DEEPEST], keyed_draw("test")) is StopReason.SATISFIED
