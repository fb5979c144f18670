"""True masks with the errors that models make: a start that is wrong by a known amount."""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mfp.defects import Defect, faded_object, rounded_shape, several_pieces, shifted_boundary
from mfp.distance import distance_to
from mfp.metrics import iou

_MARGIN = 0.7
"""How far from the object pixels may be added, as a share of the object's size."""


def damaged(truth: NDArray[np.int8], draw: np.random.Generator, low: float, high: float) -> NDArray[np.bool_]:
    """A mask like the truth, with errors: its IoU with the truth lies in [low, high].

    Errors (`mfp.defects`) grow, one pixel at a time, until the IoU (`mfp.metrics.iou`) is as near as can be to a number
    drawn from the range. A pixel changes it by at most 1 / area, so that every object of 1 / (high - low) pixels or
    more ends inside the range. A smaller one may step over it, and gets the IoU on its way that is nearest to the
    range.

    Args:
        truth: (H, W) int8, 1 object, 0 background, -1 ignored. An ignored pixel is taken for what it is nearest to.
        draw: where the errors come from; equal draws make equal masks. Only `random()` is used.
        low, high: of the IoU, 0 <= low <= high <= 1, else ValueError.

    Returns:
        (H, W) bool, with at least one pixel of the object in it; empty if the truth has no object.
    """
    if not 0 <= low <= high <= 1:
        raise ValueError(f"IoU from {low} to {high}: need 0 <= low <= high <= 1; change one of them")
    mask = np.zeros(truth.shape, np.bool_)
    if (truth == 1).any():
        window = _window(truth == 1)
        mask[window] = _damaged(truth[window], draw, low, high)
    return mask


@dataclass(frozen=True)
class _Range:
    """IoUs that will do, and the one that is wanted most."""

    low: float
    high: float
    aim: float


def _damaged(
    truth: NDArray[np.int8], draw: np.random.Generator, low: float, high: float
) -> NDArray[np.bool_]:
    aim = low + (high - low) * draw.random()
    mask = _without_ignored(truth)
    # One defect after the other, each on what the one before has left: a piece that is lost takes its boundary along.
    done = 0.0
    for make, share_of_masks, most in ((rounded_shape, 0.6, 0.4), (shifted_boundary, 0.9, 0.45)):
        is_there, share = draw.random() < share_of_masks, most * (0.4 + 0.6 * draw.random())
        if is_there:
            done += share
            mask = _grown(mask, truth, make(mask, draw), _Range(aim, 1.0, 1 - done * (1 - aim)))
    wanted = _Range(low, high, aim)
    mask = _grown(mask, truth, several_pieces(mask, draw), wanted)
    value = iou(mask, truth)
    is_too_good = value is not None and value > high
    return _grown(mask, truth, faded_object(mask, truth), wanted) if is_too_good else mask


def _grown(
    mask: NDArray[np.bool_], truth: NDArray[np.int8], defect: Defect, wanted: _Range
) -> NDArray[np.bool_]:
    """The mask with as much of the defect as brings the IoU to where it is wanted, or nearest to it."""
    pixels = np.flatnonzero((defect.is_object != mask) & np.isfinite(defect.order))
    pixels = pixels[np.argsort(defect.order.ravel()[pixels], kind="stable")]
    sign = np.where(defect.is_object.ravel()[pixels], 1, -1)
    labels = truth.ravel()[pixels]
    intersection = _running((truth == 1) & mask, np.where(labels == 1, sign, 0))
    union = _running((truth == 1) | (truth == 0) & mask, np.where(labels == 0, sign, 0))
    grown = mask.ravel().copy()
    grown[pixels[: _num_taken(intersection, union, wanted)]] ^= True
    return grown.reshape(mask.shape)


def _running(pixels: NDArray[np.bool_], steps: NDArray[np.int64]) -> NDArray[np.int64]:
    """(N + 1,): how many pixels there are, and how many after each of N steps."""
    return np.cumsum(np.concatenate(([np.count_nonzero(pixels)], steps)))


def _num_taken(intersection: NDArray[np.int64], union: NDArray[np.int64], wanted: _Range) -> int:
    """How many pixels are to change, of the intersection and union after 0..N of them, both (N + 1,)."""
    ious = intersection / union
    # The IoU may rise again where a piece takes away what was wrong. The first time that it is low enough counts.
    low_enough = np.flatnonzero(ious <= wanted.aim)
    ious = ious[: low_enough[0] + 1 if len(low_enough) else len(ious)]
    beyond = np.maximum(np.maximum(wanted.low - ious, ious - wanted.high), 0.0)
    beyond[intersection[: len(ious)] == 0] = np.inf  # something of the object stays
    return int(np.where(beyond == beyond.min(), np.abs(ious - wanted.aim), np.inf).argmin())


def _window(is_object: NDArray[np.bool_]) -> tuple[slice, slice]:
    """The rows and columns of the object and of what lies near it."""
    left, top, width, height = cv2.boundingRect(is_object.view(np.uint8))
    margin = math.ceil(_MARGIN * math.sqrt(np.count_nonzero(is_object))) + 1
    return (
        slice(max(top - margin, 0), top + height + margin),
        slice(max(left - margin, 0), left + width + margin),
    )


def _without_ignored(labels: NDArray[np.int8]) -> NDArray[np.bool_]:
    """Where the object is if ignored pixels are what they are nearest to; background if both are as near."""
    is_object = np.asarray(labels == 1)
    if (labels == -1).any():
        is_object |= (labels == -1) & (distance_to(is_object) < distance_to(labels == 0))
    return is_object
