"""IoU and the figures of the evaluation protocol, computed from the IoU after every click.

All comparisons are float64: a float32 0.90 is below 0.90 and would cost an object a click.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfp.errors import MetricsError
from mfp.evaluation_protocol import MAX_CLICKS

BEFORE_CLICKS = -1
"""The click index of the mask that an object starts from, before its first click."""
_NEVER = np.iinfo(np.int64).max


def iou(mask: NDArray[np.bool_], truth: NDArray[np.int8]) -> float | None:
    """Intersection over union outside ignored pixels; None if the union is empty.

    Args:
        mask: (H, W) bool, the prediction.
        truth: (H, W) int8, 1 object, 0 background, -1 ignored.
    """
    is_object = truth == 1
    intersection = np.count_nonzero(is_object & mask)
    union = np.count_nonzero(is_object) + np.count_nonzero((truth == 0) & mask)
    return intersection / union if union else None


@dataclass(frozen=True)
class ClickIous:
    """The IoU after every click of many objects: columns of the click table, ordered by object and click.

    Build it with `from_columns` or `from_lists`, which check the clicks and leave out objects without IoU. An object
    that starts from a mask has a row before its clicks, of the index BEFORE_CLICKS, and maybe no other.

    Attributes:
        first: (num_objects,) int64, the first row of each object.
        click_idx: (R,) int64, counts up without gaps inside an object, from 0 or from BEFORE_CLICKS.
        iou: (R,) float64 in [0, 1].
        num_undefined: objects left out because an IoU of theirs is undefined (no truth, or an empty union).
    """

    first: NDArray[np.int64]
    click_idx: NDArray[np.int64]
    iou: NDArray[np.float64]
    num_undefined: int

    @property
    def num_objects(self) -> int:
        """Objects that the figures are about."""
        return len(self.first)

    @property
    def num_clicks(self) -> NDArray[np.int64]:
        """(num_objects,): clicks on each."""
        num_rows = np.diff(self.first, append=len(self.iou))
        num_clicks: NDArray[np.int64] = num_rows - (self.click_idx[self.first] == BEFORE_CLICKS)
        return num_clicks

    @property
    def last(self) -> NDArray[np.float64]:
        """(num_objects,): after the last click on each, or of the start if there was no click."""
        ends = np.append(self.first[1:], len(self.iou))[: self.num_objects]
        last: NDArray[np.float64] = self.iou[ends - 1]
        return last

    @property
    def best(self) -> NDArray[np.float64]:
        """(num_objects,): the largest of each, that of the start included."""
        if self.num_objects == 0:
            return np.zeros(0)
        best: NDArray[np.float64] = np.maximum.reduceat(self.iou, self.first)
        return best

    @classmethod
    def from_columns(
        cls, object_idx: NDArray[np.integer], click_idx: NDArray[np.integer], iou: NDArray[np.float64]
    ) -> ClickIous:
        """Take the columns of a click table, rows in any order.

        Args:
            object_idx: (R,) integers, equal for the clicks of one object; any values.
            click_idx: (R,) integers, 0-based; BEFORE_CLICKS for the mask that an object starts from.
            iou: (R,) float64 in [0, 1], NaN where undefined.

        Raises MetricsError if an object's clicks are not 0, 1, 2, ... once each, or IoUs are not float64.
        """
        if iou.dtype != np.float64:
            raise MetricsError(
                f"IoU column of type {iou.dtype}: NoC compares in float64; compute the IoUs in float64"
            )
        order = np.lexsort((click_idx, object_idx))
        objects, clicks = object_idx[order], click_idx[order].astype(np.int64)
        is_first = np.diff(objects, prepend=objects[:1] - 1) != 0
        first = np.flatnonzero(is_first)
        object_of_row = np.cumsum(is_first) - 1
        begin = np.minimum(clicks[first], 0)  # another number than 0 or BEFORE_CLICKS shows as a gap
        expected = (
            np.arange(len(clicks)) - first[object_of_row] + np.maximum(begin, BEFORE_CLICKS)[object_of_row]
        )
        _check_click_indices(clicks, expected, objects)
        values = iou[order]
        defined = np.ones(len(first), np.bool_)
        defined[object_of_row[np.isnan(values)]] = False
        kept = defined[object_of_row]
        return cls(np.flatnonzero(is_first[kept]), clicks[kept], values[kept], int((~defined).sum()))

    @classmethod
    def from_lists(cls, ious: Sequence[Sequence[float | None]]) -> ClickIous:
        """Take one list of IoUs per object, by click; an object without clicks counts as undefined."""
        lengths = np.array([len(of_object) for of_object in ious], np.int64)
        object_idx = np.repeat(np.arange(len(ious)), lengths)
        click_idx = np.arange(len(object_idx)) - np.repeat(np.cumsum(lengths) - lengths, lengths)
        values = np.array([value for of_object in ious for value in of_object], np.float64)
        of_columns = cls.from_columns(object_idx, click_idx, values)
        num_without_clicks = int((lengths == 0).sum())
        return cls(
            of_columns.first,
            of_columns.click_idx,
            of_columns.iou,
            of_columns.num_undefined + num_without_clicks,
        )


def noc(ious: ClickIous, threshold: float, max_clicks: int = MAX_CLICKS) -> NDArray[np.int64]:
    """NoC of every object: the first click, counted from 1, with IoU >= threshold; else max_clicks. A good start is 0.

    The published figure is the mean. Clicks past max_clicks do not count. A run that stopped its sessions at
    a target IoU answers only for thresholds up to that target.

    Args:
        ious: the IoUs.
        threshold: in [0, 1], such as 0.90 for NoC@90.
        max_clicks: what an object costs that never gets there.

    Returns:
        (num_objects,) int64 in [0, max_clicks]; 0 for a mask that an object starts from and that reaches the threshold.
    """
    return np.minimum(_first_click_reaching(ious, threshold), max_clicks)


def nof_published(ious: ClickIous, threshold: float, max_clicks: int = MAX_CLICKS) -> int:
    """Number of failures as published: NoC equals max_clicks, so success at that very click is a failure."""
    return int((noc(ious, threshold, max_clicks) == max_clicks).sum())


def nof_never_reached(ious: ClickIous, threshold: float, max_clicks: int = MAX_CLICKS) -> int:
    """Number of failures in the strict sense: below the threshold after each of max_clicks clicks."""
    return int((_first_click_reaching(ious, threshold) > max_clicks).sum())


def mean_iou_curve(ious: ClickIous, max_clicks: int = MAX_CLICKS) -> NDArray[np.float64]:
    """Mean IoU over the objects after each click; a session that has ended carries its last IoU forward.

    One that ended before its first click carries that of its start.

    Returns:
        (max_clicks,) float64, entry t after click t + 1. Raises MetricsError if there is no object.
    """
    if ious.num_objects == 0:
        raise MetricsError("mean IoU of 0 objects: at least one needs a truth; check the run's errors table")
    counted = (ious.click_idx >= 0) & (ious.click_idx < max_clicks)
    of_click = np.bincount(ious.click_idx[counted], ious.iou[counted], minlength=max_clicks)
    last = np.append(ious.first[1:], len(ious.iou)) - 1
    last = last[ious.click_idx[last] < max_clicks - 1]
    carried = np.bincount(ious.click_idx[last] + 1, ious.iou[last], minlength=max_clicks)
    return (of_click + np.cumsum(carried)) / ious.num_objects


def ious_after(ious: ClickIous, click: int) -> NDArray[np.float64]:
    """IoU of every object after a click, counted from 1; a session that has ended carries its last IoU forward.

    The mean over the objects is entry `click - 1` of `mean_iou_curve`.

    Returns:
        (num_objects,) float64 in [0, 1].
    """
    num_before = ious.click_idx[ious.first] == BEFORE_CLICKS
    ends = np.append(ious.first[1:], len(ious.iou))[: ious.num_objects] - 1
    after: NDArray[np.float64] = ious.iou[np.minimum(ious.first + num_before + click - 1, ends)]
    return after


def auc(curve: NDArray[np.float64]) -> float:
    """Area under a mean-IoU curve by the trapezoid rule, over the area under a constant 1.

    Args:
        curve: (T,) float64, mean IoU after clicks 1..T. One click alone is its own area.
    """
    if len(curve) == 1:
        return float(curve[0])
    return float(np.trapezoid(curve) / (len(curve) - 1))


def _first_click_reaching(ious: ClickIous, threshold: float) -> NDArray[np.int64]:
    """(num_objects,) int64, counted from 1; _NEVER where no click reaches it."""
    if ious.num_objects == 0:
        return np.zeros(0, np.int64)
    reached = np.where(ious.iou >= threshold, ious.click_idx + 1, _NEVER)
    return np.minimum.reduceat(reached, ious.first)


def _check_click_indices(
    clicks: NDArray[np.int64], expected: NDArray[np.int64], objects: NDArray[np.integer]
) -> None:
    wrong = np.flatnonzero(clicks != expected)
    if wrong.size:
        row = wrong[0]
        raise MetricsError(
            f"object {objects[row]}: click_idx {clicks[row]} where {expected[row]} is due; every object needs"
            " its clicks 0, 1, 2, ... once each, so read committed parts only, and all of them"
        )
