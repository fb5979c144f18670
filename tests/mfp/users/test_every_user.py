"""What holds for every kind of user, on any truth, mask and clicks."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfp.clicks import Click
from mfp.stop_reason import StopReason
from mfp.users.draws import ClickSeed
from mfp.users.largest_error import largest_error
from mfp.users.protocol_user import next_click
from mfp.users.registry import KINDS, parse
from mfp.users.simulated_user import SimulatedUser, UserClick
from tests.mfp.masks import masks, truths

SEED = ClickSeed(0, "photo", "1")
IN_THE_LARGEST_ERROR = ["protocol", "uniform", "distance-weighted", "boundary", "boundary?pixels=1"]
ON_ITS_DEEPEST_PIXEL = ["protocol", "wrong-label?p=0.5", "lazy?iou=0.9"]
USERS = [*IN_THE_LARGEST_ERROR, "jitter?pixels=9", "jitter?share=0.5", "wrong-label?p=0.5", "lazy?iou=0.9"]


@dataclass(frozen=True)
class Seen:
    """What a user looks at."""

    truth: npt.NDArray[np.int8]
    mask: npt.NDArray[np.bool_]
    clicks: list[Click]

    def clicked_by(self, user: SimulatedUser, click_idx: int = 0) -> UserClick | StopReason:
        return user.next_click(self.truth, self.mask, self.clicks, SEED.draw(click_idx))


@st.composite
def views(draw: st.DrawFn) -> Seen:
    truth = draw(truths())
    mask = draw(masks(truth.shape))
    height, width = truth.shape
    pixels = st.tuples(st.integers(0, height - 1), st.integers(0, width - 1), st.booleans())
    return Seen(truth, mask, [Click(*pixel) for pixel in draw(st.lists(pixels, max_size=4))])


SQUARE = Seen(np.pad(np.ones((40, 40), np.int8), 30), np.zeros((100, 100), np.bool_), [])


def test_every_kind_is_tested_here() -> None:
    assert {text.partition("?")[0] for text in USERS} == set(KINDS)


@pytest.mark.parametrize("text", USERS)
@settings(max_examples=50)
@given(seen=views())
def test_a_click_lies_on_a_pixel_of_the_image_and_the_arrays_are_left_as_they_are(
    text: str, seen: Seen
) -> None:
    truth, mask, clicks = seen.truth.copy(), seen.mask.copy(), list(seen.clicks)
    made = seen.clicked_by(parse(text))
    assert np.array_equal(seen.truth, truth)
    assert np.array_equal(seen.mask, mask)
    assert seen.clicks == clicks
    if isinstance(made, UserClick):
        y, x = made.click.pixel
        assert (float(y), float(x)) == (made.click.y, made.click.x)
        assert 0 <= y < truth.shape[0]
        assert 0 <= x < truth.shape[1]
        assert not made.is_clamped or y in (0, truth.shape[0] - 1) or x in (0, truth.shape[1] - 1)


@pytest.mark.parametrize("text", IN_THE_LARGEST_ERROR)
@settings(max_examples=50)
@given(seen=views())
def test_a_click_lies_in_the_largest_error_on_a_new_pixel_and_tells_its_side(text: str, seen: Seen) -> None:
    made, largest = seen.clicked_by(parse(text)), largest_error(seen.truth, seen.mask, seen.clicks)
    if isinstance(made, StopReason) or isinstance(largest, StopReason):
        assert made is largest
        return
    assert not made.is_clamped
    assert made.click.pixel in set(zip(largest.ys.tolist(), largest.xs.tolist(), strict=True))
    assert made.click.pixel not in {click.pixel for click in seen.clicks}
    assert made.click.is_foreground == (seen.truth[made.click.pixel] == 1) == largest.is_missed


@pytest.mark.parametrize("text", ON_ITS_DEEPEST_PIXEL)
@settings(max_examples=50)
@given(seen=views())
def test_a_steady_user_clicks_where_the_protocol_does(text: str, seen: Seen) -> None:
    made, protocol = seen.clicked_by(parse(text)), next_click(seen.truth, seen.mask, seen.clicks)
    if made is StopReason.SATISFIED:
        assert text.startswith("lazy")
    elif isinstance(made, StopReason) or isinstance(protocol, StopReason):
        assert made is protocol
    else:
        assert made.click.pixel == protocol.pixel
        if not text.startswith("wrong-label"):
            assert made == UserClick(protocol)


@pytest.mark.parametrize("text", USERS)
def test_a_draw_makes_its_click_again_and_only_random_users_make_others(text: str) -> None:
    user = parse(text)
    made = [SQUARE.clicked_by(user, idx) for idx in range(20)]
    assert made == [SQUARE.clicked_by(user, idx) for idx in range(20)]
    assert (len(set(made)) > 1) == user.is_random


@pytest.mark.parametrize("text", USERS)
def test_every_user_stops_at_the_truth_and_when_all_that_is_wrong_was_clicked(text: str) -> None:
    user = parse(text)
    perfect = Seen(SQUARE.truth, SQUARE.truth == 1, [])
    assert perfect.clicked_by(user) is StopReason.PERFECT
    truth = np.zeros((9, 9), np.int8)
    truth[4, 4:6] = 1
    used_up = Seen(truth, np.zeros((9, 9), np.bool_), [Click(4, 4, True), Click(4, 5, False)])
    assert used_up.clicked_by(user) is StopReason.ERRORS_CLICKED
