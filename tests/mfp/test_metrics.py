from __future__ import annotations

import math
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfp.errors import MetricsError
from mfp.metrics import (
    ClickIous,
    auc,
    iou,
    ious_after,
    mean_iou_curve,
    noc,
    nof_never_reached,
    nof_published,
)
from tests.golden_pieces import GOLDEN_DIRECTORIES, robot_user_cases
from tests.mfp.masks import masks, truths

THRESHOLDS = st.sampled_from([0.0, 0.5, 0.85, 0.9, 0.95, 1.0])
# Values at and beside the thresholds, where a comparison in float32 goes wrong.
IOUS = st.one_of(
    st.floats(0, 1), st.sampled_from([0.85, 0.9, 0.95, math.nextafter(0.9, 0), float(np.float32(0.95))])
)
LISTS = st.lists(st.lists(IOUS, min_size=1, max_size=24), min_size=1, max_size=8)


@pytest.mark.parametrize("directory", GOLDEN_DIRECTORIES)
def test_iou_equals_the_recorded_one(directory: Path) -> None:
    for case in robot_user_cases(directory):
        for mask, recorded in zip(case.masks, case.ious, strict=True):
            assert iou(mask, case.truth) == pytest.approx(recorded, abs=1e-6)


@given(st.data())
def test_iou_is_the_share_of_the_union_outside_ignored_pixels(data: st.DataObject) -> None:
    truth = data.draw(truths())
    mask = data.draw(masks(truth.shape))
    predicted = {(y, x) for y, x in np.argwhere(mask).tolist() if truth[y, x] != -1}
    present = {(y, x) for y, x in np.argwhere(truth == 1).tolist()}
    expected = len(predicted & present) / len(predicted | present) if predicted | present else None
    assert iou(mask, truth) == expected


def test_iou_of_an_empty_union_is_undefined() -> None:
    truth = np.array([[0, -1], [0, 0]], np.int8)
    assert iou(np.array([[False, True], [False, False]]), truth) is None
    assert iou(np.array([[True, False], [False, False]]), truth) == 0.0


def test_noc_counts_to_the_first_click_that_reaches_the_threshold() -> None:
    ious = ClickIous.from_lists([[0.5, 0.9, 0.2], [0.95], [0.1, 0.2], [0.3] * 19 + [0.92], [0.89] * 20])
    np.testing.assert_array_equal(noc(ious, 0.90), [2, 1, 20, 20, 20])
    assert nof_published(ious, 0.90) == 3  # the success at the 20th click counts as a failure
    assert nof_never_reached(ious, 0.90) == 2


def test_an_iou_of_exactly_the_threshold_reaches_it() -> None:
    assert noc(ClickIous.from_lists([[0.90], [math.nextafter(0.90, 0)]]), 0.90).tolist() == [1, 20]


def test_a_float32_column_is_refused_because_its_090_is_below_090() -> None:
    column = np.array([0.90], np.float32)
    assert not float(column[0]) >= 0.90
    with pytest.raises(MetricsError, match="float32"):
        ClickIous.from_columns(np.array([0]), np.array([0]), column)  # type: ignore[arg-type]


@given(LISTS, THRESHOLDS, st.integers(1, 22))
def test_noc_and_both_nof_equal_their_definitions(
    lists: list[list[float]], threshold: float, max_clicks: int
) -> None:
    ious = ClickIous.from_lists(lists)
    reached = [[i + 1 for i, v in enumerate(values[:max_clicks]) if v >= threshold] for values in lists]
    expected = [clicks[0] if clicks else max_clicks for clicks in reached]
    assert noc(ious, threshold, max_clicks).tolist() == expected
    assert nof_published(ious, threshold, max_clicks) == expected.count(max_clicks)
    assert nof_never_reached(ious, threshold, max_clicks) == sum(not clicks for clicks in reached)


@given(LISTS, st.integers(1, 22))
def test_the_mean_iou_curve_carries_the_last_iou_of_a_finished_session_forward(
    lists: list[list[float]], max_clicks: int
) -> None:
    curve = mean_iou_curve(ClickIous.from_lists(lists), max_clicks)
    carried = [(values + [values[-1]] * max_clicks)[:max_clicks] for values in lists]
    np.testing.assert_allclose(curve, np.mean(carried, axis=0), rtol=0, atol=1e-12)


@given(
    st.lists(st.tuples(st.none() | IOUS, st.lists(IOUS, max_size=22)), min_size=1, max_size=8),
    THRESHOLDS,
    st.integers(1, 21),
)
def test_a_good_start_counts_0_clicks_and_is_carried_forward(
    objects: list[tuple[float | None, list[float]]], threshold: float, max_clicks: int
) -> None:
    """An object is its start IoU, or None if it starts from nothing, and the IoU after each click."""
    objects = [(start, values) for start, values in objects if start is not None or values]
    rows = [
        (number, click_idx, value)
        for number, (start, values) in enumerate(objects)
        for click_idx, value in [*([] if start is None else [(-1, start)]), *enumerate(values)]
    ]
    columns = [np.array(column) for column in zip(*rows, strict=True)] if rows else [np.zeros(0, int)] * 3
    ious = ClickIous.from_columns(columns[0], columns[1], columns[2].astype(np.float64))
    expected = []
    for start, values in objects:
        counted = [(0, start)] if start is not None else []
        counted += [(i + 1, value) for i, value in enumerate(values[:max_clicks])]
        expected.append(next((number for number, value in counted if value >= threshold), max_clicks))
    assert noc(ious, threshold, max_clicks).tolist() == expected
    assert ious.num_clicks.tolist() == [len(values) for _, values in objects]
    curves = []
    for start, values in objects:
        held = values or ([] if start is None else [start])
        curves.append((held + held[-1:] * max_clicks)[:max_clicks])
    if curves:
        curve = np.mean(curves, axis=0)
        np.testing.assert_allclose(mean_iou_curve(ious, max_clicks), curve, rtol=0, atol=1e-12)


@pytest.mark.parametrize("click_idx", [[-1, 1], [-2, -1, 0], [1], [-1, -1]])
def test_a_start_is_followed_by_click_0(click_idx: list[int]) -> None:
    rows = np.array(click_idx)
    with pytest.raises(MetricsError, match="is due"):
        ClickIous.from_columns(np.zeros(len(rows), int), rows, np.full(len(rows), 0.5))


@given(LISTS, st.integers(1, 22))
def test_the_mean_over_the_objects_after_a_click_is_the_point_of_the_curve(
    lists: list[list[float]], max_clicks: int
) -> None:
    ious = ClickIous.from_lists(lists)
    means = [ious_after(ious, click).mean() for click in range(1, max_clicks + 1)]
    assert means == pytest.approx(mean_iou_curve(ious, max_clicks))


@given(LISTS, st.integers(0, 2**32 - 1))
def test_rows_may_come_in_any_order_under_any_object_numbers(lists: list[list[float]], seed: int) -> None:
    rows = [(7 - 3 * k, i, value) for k, values in enumerate(lists) for i, value in enumerate(values)]
    np.random.default_rng(seed).shuffle(rows)
    columns = [np.array(column) for column in zip(*rows, strict=True)]
    shuffled = ClickIous.from_columns(columns[0], columns[1], columns[2].astype(np.float64))
    ordered = ClickIous.from_lists(lists)
    assert sorted(noc(shuffled, 0.9)) == sorted(noc(ordered, 0.9))
    np.testing.assert_allclose(mean_iou_curve(shuffled), mean_iou_curve(ordered), rtol=0, atol=1e-12)


def test_auc_is_the_share_of_the_area_under_a_constant_one() -> None:
    assert auc(np.ones(20)) == 1.0
    assert auc(np.linspace(0, 1, 20)) == pytest.approx(0.5)
    assert auc(np.array([0.2, 0.8, 0.9])) == pytest.approx((0.5 + 0.85) / 2)
    assert auc(np.array([0.7])) == 0.7


def test_an_object_with_an_undefined_iou_is_left_out_and_counted() -> None:
    ious = ClickIous.from_lists([[None, None], [0.4, 0.96], [None, 0.0], [], [0.99]])
    assert (ious.num_objects, ious.num_undefined) == (2, 3)
    assert noc(ious, 0.95).tolist() == [2, 1]
    np.testing.assert_allclose(mean_iou_curve(ious, 3), [0.695, 0.975, 0.975])


def test_figures_of_no_objects_are_counts_of_zero_and_a_mean_that_says_why_it_cannot_be() -> None:
    ious = ClickIous.from_lists([[None]])
    assert noc(ious, 0.9).size == nof_published(ious, 0.9) == nof_never_reached(ious, 0.9) == 0
    assert ClickIous.from_lists([]).num_objects == 0
    with pytest.raises(MetricsError, match="0 objects"):
        mean_iou_curve(ious)


@pytest.mark.parametrize("clicks", [[0, 2], [1, 2], [0, 0], [0, 1, 1], [-2, 0]])
def test_a_click_that_is_missing_or_twice_is_refused_by_object_and_number(clicks: list[int]) -> None:
    objects = np.array([3, *[8] * len(clicks)])
    with pytest.raises(MetricsError, match="object 8: click_idx"):
        ClickIous.from_columns(objects, np.array([0, *clicks]), np.full(len(objects), 0.5))


def test_a_million_objects_take_seconds() -> None:
    rng = np.random.default_rng(0)
    lengths = rng.integers(1, 5, 1_000_000)
    objects = np.repeat(np.arange(len(lengths)), lengths)
    clicks = np.arange(len(objects)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
    values = np.asarray(1 - 0.5 / (clicks + 1), np.float64)
    ious = ClickIous.from_columns(objects, clicks, values)
    assert noc(ious, 0.80).mean() == pytest.approx(np.where(lengths >= 3, 3, 20).mean())
    assert mean_iou_curve(ious)[0] == 0.5
