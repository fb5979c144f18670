"""Sessions that end by quality or for want of change, and clicks made in a row."""

from __future__ import annotations

import math

import numpy as np
import pytest

from mfp.clicks import Click
from mfp.models.analytic import AnalyticClickModel
from mfp.session import LoggedClicks, Session, SessionLimits, SimulatedClicks
from mfp.start import (
    FromMask,
)
from mfp.stop_reason import StopReason
from tests.mfp.started_sessions import (
    IMAGE,
    TO_THE_END,
    TRUTH,
    RecordingModel,
    finished,
)


def test_clicks_in_a_row_are_seen_together_and_make_one_mask() -> None:
    model = RecordingModel()
    clicks = (Click(50, 60, True), Click(90, 100, True), Click(10, 10, False))
    session = Session("key", IMAGE, TRUTH, LoggedClicks(clicks, looks=(0, 0, 1)), TO_THE_END)
    one = finished(model, session)
    assert [len(batch.clicks[0]) for batch in model.batches] == [2, 3]
    first, second, third = one.clicks
    assert [record.is_looked_at for record in one.clicks] == [False, True, True]
    assert (first.iou, first.area, first.changed_fraction, first.quality) == (0.0, 0, 0.0, None)
    assert second.area > 0
    assert third.click == clicks[2]


def test_a_limit_cuts_clicks_in_a_row() -> None:
    clicks = tuple(Click(10 * i, 10, True) for i in range(1, 6))
    limits = SessionLimits(max_clicks=3, target_iou=None)
    session = Session("key", IMAGE, None, LoggedClicks(clicks, looks=(0,) * 5), limits)
    one = finished(AnalyticClickModel(), session)
    assert (len(one.clicks), one.stop_reason) == (3, StopReason.MAX_CLICKS)


def test_a_session_ends_when_its_map_expects_the_target() -> None:
    session = Session("key", IMAGE, TRUTH, SimulatedClicks(), SessionLimits(target_iou=None, max_clicks=9))
    qualities = [record.quality or 0.0 for record in finished(AnalyticClickModel(), session).clicks]
    target = sorted(qualities)[3]
    limits = SessionLimits(target_iou=None, max_clicks=9, target_quality=target)
    one = finished(AnalyticClickModel(), Session("key", IMAGE, TRUTH, SimulatedClicks(), limits))
    assert one.stop_reason is StopReason.QUALITY_REACHED
    assert len(one.clicks) == next(i for i, quality in enumerate(qualities, 1) if quality >= target)
    assert one.quality == one.clicks[-1].quality
    assert (one.quality or 0.0) >= target


def test_a_session_ends_when_a_click_changes_next_to_nothing() -> None:
    click = Click(100, 100, True)
    limits = SessionLimits(target_iou=None, max_clicks=9, min_change=0.01)
    session = Session("key", IMAGE, None, LoggedClicks((click,) * 8), limits)
    one = finished(AnalyticClickModel(), session)
    assert one.stop_reason is StopReason.NO_CHANGE
    assert 1 < len(one.clicks) < 8
    changed = one.clicks[-1].changed_fraction * one.mask.size / one.clicks[-1].area
    assert changed < 0.01


def test_a_limit_without_truth_must_lie_in_the_unit_range() -> None:
    assert SessionLimits(target_quality=math.inf).target_quality == math.inf
    with pytest.raises(ValueError, match="must lie in"):
        SessionLimits(min_change=1.5)


def test_quality_is_of_the_region_that_the_network_saw() -> None:
    """Small probabilities elsewhere, which add up to more than a small object, are no statement about it."""
    mask = np.zeros((600, 600), np.bool_)
    mask[290:310, 290:310] = True
    click = Click(300, 300, True)
    image = np.zeros((600, 600, 3), np.uint8)
    image[mask] = 255
    session = Session("key", image, None, LoggedClicks((click,)), TO_THE_END, FromMask(mask), "local")
    one = finished(AnalyticClickModel(), session)
    region = one.clicks[0].region
    inside = float(region.window(one.prob).sum(where=region.window(one.mask), dtype=np.float64))
    outside = float(region.window(one.prob).sum(dtype=np.float64)) - inside
    assert region.height < 600
    assert one.quality == pytest.approx(inside / (one.mask.sum() + outside))
