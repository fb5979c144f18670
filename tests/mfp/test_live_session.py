"""Clicks that come one at a time give the masks that the same clicks give from a log."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfp.clicks import Click
from mfp.engine import Engine
from mfp.errors import ClickError, StartError
from mfp.live_session import LiveSession
from mfp.session import LoggedClicks, Session, SessionLimits
from mfp.start import FromMask
from tests.mfp.session_factories import create_image, create_truth
from tests.mfp.test_engine import NETWORKS, create_engine

WITHOUT_END = SessionLimits(max_clicks=None, target_iou=None)
HEIGHT, WIDTH = 96, 128
CLICKS = st.lists(
    st.tuples(st.integers(0, HEIGHT - 1), st.integers(0, WIDTH - 1), st.booleans()), min_size=1, max_size=6
)


def session(clicks: tuple[Click, ...] = (), *, starts: bool = False, seed: int = 0) -> Session:
    image = create_image(seed, HEIGHT, WIDTH)
    one = Session(seed, image, None, LoggedClicks(clicks), WITHOUT_END)
    if not starts:
        return one
    mask = create_truth(seed + 1, HEIGHT, WIDTH) == 1
    return replace(one, start=FromMask(mask), changes="local")


def check_same(engine: Engine, clicks: tuple[Click, ...], *, starts: bool) -> None:
    live = engine.begin(session(starts=starts))
    looks = [live.click(click) for click in clicks]
    logged = list(engine.looks(session(clicks, starts=starts)))
    assert len(looks) == len(logged)
    for one, other in zip(looks, logged, strict=True):
        assert np.array_equal(one.mask, other.mask)
        assert np.array_equal(one.prob, other.prob)
        assert one.clicks == other.clicks
    (finished,) = engine.run([session(clicks, starts=starts)])
    assert np.array_equal(live.outcome().mask, finished.mask)
    assert live.outcome().quality == finished.quality
    assert live.clicks == clicks


@settings(max_examples=25)
@given(made=CLICKS, starts=st.booleans())
def test_live_clicks_give_the_masks_of_logged_ones(made: list[tuple[int, int, bool]], starts: bool) -> None:
    check_same(create_engine(NETWORKS["analytic"]()), tuple(Click(*one) for one in made), starts=starts)


@pytest.mark.parametrize(
    ("network", "starts"), [("tiny", False), ("tiny", True), ("lite0", True), ("preparing", False)]
)
def test_so_they_do_with_networks(network: str, starts: bool) -> None:
    clicks = (Click(48, 64, True), Click(10, 12, False), Click(60, 100, True))
    check_same(create_engine(NETWORKS[network]()), clicks, starts=starts)


def test_several_sessions_go_on_in_any_order() -> None:
    engine = create_engine(NETWORKS["tiny"]())
    clicks = (Click(48, 64, True), Click(10, 12, False))
    expected = [list(engine.looks(session(clicks, seed=seed)))[-1].mask for seed in range(2)]
    one, other = (engine.begin(session(seed=seed)) for seed in range(2))
    one.click(clicks[0])
    other.click(clicks[0])
    masks = [other.click(clicks[1]).mask, one.click(clicks[1]).mask]
    assert np.array_equal(masks[1], expected[0])
    assert np.array_equal(masks[0], expected[1])


def test_a_click_outside_the_image_is_refused_and_changes_nothing() -> None:
    live = create_engine(NETWORKS["analytic"]()).begin(session())
    first = live.click(Click(5, 5, True))
    with pytest.raises(ClickError, match="lies outside the image of 96x128 pixels"):
        live.click(Click(96, 5, True))
    assert live.clicks == (Click(5, 5, True),)
    assert np.array_equal(live.outcome().mask, first.mask)
    live.click(Click(6, 6, True))


def test_a_model_that_makes_its_first_map_itself_starts_from_no_mask() -> None:
    engine = create_engine(NETWORKS["session"]())
    with pytest.raises(StartError, match="does not start from a mask"):
        engine.begin(session(starts=True))
    assert isinstance(engine.begin(session()), LiveSession)
