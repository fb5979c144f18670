from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfp.boundary_iou import boundary_iou
from mfp.clicks import Click
from mfp.errors import ClickError, ImageSizeError
from mfp.mask_signals import MapSignals, expected_iou
from mfp.region import Region, ZoomSettings
from mfp.session import LoggedClicks, Session, SessionLimits, SimulatedClicks
from mfp.session_state import RegionMasks, SessionState
from mfp.stop_reason import StopReason
from tests.mfp.session_factories import create_session, create_truth, painted

IMAGE = np.zeros((40, 60, 3), np.uint8)
MIDDLE = Click(20, 30, True)
SIGNALS = MapSignals(0.5, 0.9, 0.8, None, 0.25)  # what a runner says of its map


def create_state(session: Session) -> SessionState:
    return SessionState(session, ZoomSettings())


def answer(state: SessionState, mask: np.ndarray) -> None:
    region = state.region
    part = mask[region.row_min : region.row_max + 1, region.col_min : region.col_max + 1]
    state.take(RegionMasks(part, part, SIGNALS))


def perfect_session(limits: SessionLimits) -> tuple[Session, np.ndarray]:
    truth = create_truth(0, 40, 60)
    return Session("key", painted(truth), truth, SimulatedClicks(), limits), truth == 1


def test_a_perfect_mask_ends_a_session_without_target() -> None:
    session, mask = perfect_session(SessionLimits(target_iou=None))
    state = create_state(session)
    answer(state, mask)
    assert state.stop_reason is StopReason.PERFECT
    assert len(state.finish(mask.astype(np.float32), 0.5).clicks) == 1


def test_a_perfect_mask_ends_a_session_before_its_minimum_of_clicks() -> None:
    session, mask = perfect_session(SessionLimits(min_clicks=3))
    state = create_state(session)
    answer(state, mask)
    assert state.stop_reason is StopReason.PERFECT


def test_an_iou_equal_to_the_target_ends_a_session() -> None:
    session, mask = perfect_session(SessionLimits(target_iou=0.5))
    state = create_state(session)
    half = mask.copy()
    half.ravel()[np.flatnonzero(mask)[: mask.sum() // 2]] = False
    answer(state, half)
    (record,) = state.finish(half.astype(np.float32), 0.5).clicks
    assert record.iou is not None
    assert (record.iou >= 0.5) == (state.stop_reason is StopReason.TARGET_REACHED)


def test_the_target_does_not_end_a_session_before_its_minimum_of_clicks() -> None:
    session, mask = perfect_session(SessionLimits(target_iou=0.5, min_clicks=2))
    state = create_state(session)
    mask = mask.copy()
    mask.ravel()[np.flatnonzero(mask)[:5]] = False
    answer(state, mask)
    assert state.stop_reason is None
    answer(state, mask)
    assert state.stop_reason is StopReason.TARGET_REACHED


def test_the_maximum_of_clicks_ends_a_session() -> None:
    session, _ = perfect_session(SessionLimits(max_clicks=2))
    state = create_state(session)
    for _ in range(2):
        assert state.stop_reason is None
        answer(state, np.zeros((40, 60), np.bool_))
    assert state.stop_reason is StopReason.MAX_CLICKS


def test_logged_clicks_are_replayed_in_order_and_then_end_the_session() -> None:
    clicks = (MIDDLE, Click(5, 5, False), Click(0.5, 59.9, True))
    state = create_state(Session("key", IMAGE, None, LoggedClicks(clicks)))
    for _ in clicks:
        assert state.stop_reason is None
        answer(state, np.zeros((40, 60), np.bool_))
    assert state.stop_reason is StopReason.CLICKS_EXHAUSTED
    finished = state.finish(np.zeros((40, 60), np.float32), 0.5)
    assert tuple(record.click for record in finished.clicks) == clicks
    assert {record.source for record in finished.clicks} == {"logged"}
    assert finished.iou is None


def test_a_logged_click_on_a_pixel_that_is_already_right_goes_on() -> None:
    session, mask = perfect_session(SessionLimits(target_iou=None))
    session = Session("key", session.image, session.truth, LoggedClicks((MIDDLE, MIDDLE)), session.limits)
    state = create_state(session)
    answer(state, mask)
    assert state.stop_reason is None
    answer(state, mask)
    assert state.stop_reason is StopReason.CLICKS_EXHAUSTED
    assert state.finish(mask.astype(np.float32), 0.5).clicks[1].changed_fraction == 0


def test_a_session_whose_errors_were_all_clicked_before_is_not_called_perfect() -> None:
    truth = np.zeros((40, 60), np.int8)
    truth[10, 10:12] = 1
    truth[20, 20] = -1  # does not count
    state = create_state(Session("key", IMAGE, truth, SimulatedClicks(), SessionLimits(target_iou=None)))
    for num_clicks in (1, 2):
        assert len(state.clicks) == num_clicks
        assert state.stop_reason is None
        answer(state, np.zeros((40, 60), np.bool_))  # the network does not follow
    assert state.stop_reason is StopReason.ERRORS_CLICKED
    assert state.finish(np.zeros((40, 60), np.float32), 0.5).iou == 0.0


def test_surplus_that_was_clicked_before_is_an_error_too() -> None:
    truth = np.zeros((40, 60), np.int8)
    truth[10, 10] = 1
    state = create_state(Session("key", IMAGE, truth, SimulatedClicks(), SessionLimits(target_iou=None)))
    with_surplus = truth == 1
    with_surplus[30, 30] = True
    answer(state, with_surplus)
    assert state.clicks[-1] == Click(30, 30, False)
    answer(state, with_surplus)
    assert state.stop_reason is StopReason.ERRORS_CLICKED


def test_nothing_to_click_is_an_empty_mask_without_clicks() -> None:
    without_object = Session("key", IMAGE, np.zeros((40, 60), np.int8), SimulatedClicks())
    state = create_state(without_object)
    assert state.stop_reason is StopReason.PERFECT
    finished = state.finish(np.zeros((40, 60), np.float32), 0.5)
    assert (finished.clicks, finished.iou, finished.quality) == ((), None, None)
    assert not finished.mask.any()
    assert (
        create_state(Session("key", IMAGE, None, LoggedClicks(()))).stop_reason is StopReason.CLICKS_EXHAUSTED
    )


def test_the_first_region_is_the_whole_image_and_later_ones_follow_the_mask() -> None:
    state = create_state(create_session(1))
    assert state.region == Region(0, 279, 0, 399)
    small = np.zeros((280, 400), np.bool_)
    y, x = state.clicks[0].pixel
    small[y - 3 : y + 3, x - 3 : x + 3] = True
    answer(state, small)
    assert state.region.width < 400


def test_without_zoom_the_region_stays_the_whole_image() -> None:
    state = SessionState(create_session(1), None)
    mask = np.zeros((280, 400), np.bool_)
    mask[100:110, 100:110] = True
    answer(state, mask)
    assert state.region == Region(0, 279, 0, 399)


LARGE_SESSION = create_session(1, SessionLimits(target_iou=None, max_clicks=5))


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 2**32 - 1))
def test_records_agree_with_the_masks(seed: int) -> None:
    rng = np.random.default_rng(seed)
    state = create_state(LARGE_SESSION)
    whole = np.zeros((280, 400), np.bool_)
    expected = []
    while state.stop_reason is None:
        region, before = state.region, whole.copy()
        top, left = rng.integers(0, 30, 2)
        part = np.zeros((region.height, region.width), np.bool_)
        part[top : top + rng.integers(1, 60), left : left + rng.integers(1, 60)] = True
        whole[region.row_min : region.row_max + 1, region.col_min : region.col_max + 1] = part
        expected.append((int(whole.sum()), (whole != before).sum() / whole.size, region))
        state.take(RegionMasks(part, part, SIGNALS))
    finished = state.finish(whole.astype(np.float32), 0.5)
    assert [(r.area, r.changed_fraction, r.region) for r in finished.clicks] == expected
    assert np.array_equal(finished.mask, whole)


@pytest.mark.parametrize("keeps_outside", [True, False])
def test_what_lies_outside_the_region_stays_unless_the_model_empties_it(keeps_outside: bool) -> None:
    """Zoom-in sees one object only, the mask holds two: the second region leaves the other outside."""
    clicks = LoggedClicks((Click(150, 60, True), Click(151, 61, True)))
    state = create_state(Session("key", np.zeros((300, 1000, 3), np.uint8), None, clicks))
    near, both = np.zeros((2, 300, 1000), np.bool_)
    near[145:155, 55:65] = both[145:155, 55:65] = both[145:155, 700:720] = True
    state.take(RegionMasks(both, near, SIGNALS, keeps_outside))
    region = state.region
    assert region.col_max < 700
    part = near[region.row_min : region.row_max + 1, region.col_min : region.col_max + 1]
    state.take(RegionMasks(part, part.copy(), SIGNALS, keeps_outside))
    finished = state.finish(both.astype(np.float32), 0.5)
    assert np.array_equal(finished.mask, both if keeps_outside else near)
    last = finished.clicks[-1]
    assert last.area == finished.mask.sum()
    assert last.changed_fraction == (0 if keeps_outside else 200 / 300_000)


def test_seconds_add_up_on_the_newest_record() -> None:
    session, mask = perfect_session(SessionLimits(target_iou=None))
    state = create_state(session)
    answer(state, mask)
    state.add_seconds(0.25, 0.125)
    state.add_seconds(0.5, 0.25)
    finished = state.finish(mask.astype(np.float32), 0.5)
    assert finished.clicks[0].seconds == finished.seconds == 0.75
    assert finished.network_seconds == 0.375


@pytest.mark.parametrize("click", [Click(40, 5, True), Click(-0.1, 5, True), Click(5, 60, False)])
def test_a_logged_click_outside_the_image_is_refused_before_the_session_runs(click: Click) -> None:
    with pytest.raises(ClickError, match=r"logged click 1 .* outside the image of 40x60"):
        Session("key", IMAGE, None, LoggedClicks((MIDDLE, click)))


def test_simulated_clicks_without_truth_are_refused() -> None:
    with pytest.raises(ClickError, match="no truth mask"):
        Session("key", IMAGE, None, SimulatedClicks())


@pytest.mark.parametrize("image", [IMAGE[..., :2], IMAGE[..., 0], IMAGE.astype(np.float32), IMAGE[:0]])
def test_an_image_that_is_no_rgb_bytes_is_refused(image: np.ndarray) -> None:
    with pytest.raises(ImageSizeError, match="must be"):
        Session("key", image, None, LoggedClicks(()))


@pytest.mark.parametrize("truth", [np.zeros((60, 40), np.int8), np.zeros((40, 60), np.uint8)])
def test_a_truth_of_another_size_or_type_is_refused(truth: np.ndarray) -> None:
    with pytest.raises(ImageSizeError, match="int8 of the same size"):
        Session("key", IMAGE, truth, SimulatedClicks())


@pytest.mark.parametrize(("max_clicks", "min_clicks", "target"), [(0, 0, 0.9), (3, 4, 0.9), (3, 1, 1.5)])
def test_limits_that_cannot_hold_are_refused(max_clicks: int, min_clicks: int, target: float | None) -> None:
    with pytest.raises(ValueError, match=r"must lie|need min_clicks"):
        SessionLimits(max_clicks, min_clicks, target)


def test_quality_is_one_for_a_certain_map_and_zero_for_an_empty_mask() -> None:
    mask = create_truth(3, 40, 60) == 1
    assert expected_iou(mask.astype(np.float32), mask) == 1.0
    assert expected_iou(np.full((40, 60), 0.4, np.float32), np.zeros((40, 60), np.bool_)) == 0.0


@settings(deadline=None)
@given(st.integers(0, 2**32 - 1), st.floats(0.05, 0.95))
def test_quality_is_a_fraction_and_follows_its_formula(seed: int, threshold: float) -> None:
    prob = np.random.default_rng(seed).random((20, 30)).astype(np.float32)
    mask = prob > threshold
    p, m = prob.astype(np.float64), mask.astype(np.float64)
    expected = (p * m).sum() / (m.sum() + (p * (1 - m)).sum()) if mask.any() else 0.0
    quality = expected_iou(prob, mask)
    assert 0 <= quality <= 1
    assert quality == pytest.approx(expected, abs=1e-12)


def test_the_boundary_iou_of_each_click_is_that_of_the_mask_after_it() -> None:
    session, mask = perfect_session(SessionLimits(max_clicks=2, target_iou=None))
    assert session.truth is not None
    state = create_state(session)
    shifted = np.roll(mask, 2, axis=1)
    answer(state, np.zeros_like(mask))
    answer(state, shifted)
    finished = state.finish(shifted.astype(np.float32), 0.5)
    assert [click.boundary_iou for click in finished.clicks] == [0.0, boundary_iou(shifted, session.truth)]
    assert finished.boundary_iou == finished.clicks[-1].boundary_iou


def test_clicks_that_nobody_looked_at_have_the_boundary_iou_of_the_mask_before() -> None:
    truth = create_truth(0, 40, 60)
    session = Session("key", IMAGE, truth, LoggedClicks((MIDDLE, MIDDLE), looks=(0, 0)))
    state = create_state(session)
    answer(state, truth == 1)
    first, last = state.finish((truth == 1).astype(np.float32), 0.5).clicks
    assert (first.boundary_iou, last.boundary_iou) == (0.0, 1.0)


def test_without_truth_there_is_no_boundary_iou() -> None:
    state = create_state(Session("key", IMAGE, None, LoggedClicks((MIDDLE,))))
    answer(state, np.ones((40, 60), np.bool_))
    finished = state.finish(np.ones((40, 60), np.float32), 0.5)
    assert (finished.boundary_iou, finished.clicks[0].boundary_iou) == (None, None)
