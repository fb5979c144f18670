"""Boundary IoU: how well the contours of two masks agree, whatever the size of the object.

Cheng, Girshick, Dollár, Berg, Kirillov: Boundary IoU (CVPR 2021), equation 2: the IoU of the pixels of each mask that
lie within d of its own contour. As in the authors' code d is 2 % of the image's diagonal, and what lies within d is the
mask less its erosion by d steps of a 3 x 3 square; beyond the image is background, so its border is contour.
"""

from __future__ import annotations

import math
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

_SHARE_OF_DIAGONAL = 0.02


def boundary_distance(height: int, width: int) -> int:
    """How near to the contour a boundary pixel is, in pixels: 2 % of the image's diagonal, at least 1."""
    return max(1, round(_SHARE_OF_DIAGONAL * math.hypot(height, width)))


def boundary_iou(
    mask: NDArray[np.bool_], truth: NDArray[np.int8], distance: int | None = None
) -> float | None:
    """Boundary IoU outside ignored pixels; None if both masks are empty there.

    Ignored pixels (ours; the paper has none) are taken out of both masks before their boundaries are made. So the
    contour runs along them, and a mask that is perfect elsewhere has 1.0 whatever it does there.

    Args:
        mask: (H, W) bool, the prediction.
        truth: (H, W) int8, 1 object, 0 background, -1 ignored.
        distance: see `boundary_distance`, which it is unless given; pixels, at least 1.

    Returns:
        In [0, 1].
    """
    return TrueBoundary(truth, distance).iou(mask)


class TrueBoundary:
    """The boundary of a true mask, made once for all masks that are held against it."""

    def __init__(self, truth: NDArray[np.int8], distance: int | None = None) -> None:
        """As for `boundary_iou`."""
        self._distance = boundary_distance(*truth.shape) if distance is None else distance
        counts = truth >= 0
        self._counts = None if counts.all() else counts
        self._boundary = _boundary(truth == 1, None, self._distance)
        self._num_pixels = int(np.count_nonzero(self._boundary.pixels))

    def iou(self, mask: NDArray[np.bool_]) -> float | None:
        """See `boundary_iou`."""
        boundary = _boundary(mask, self._counts, self._distance)
        intersection = boundary.num_common(self._boundary)
        union = int(np.count_nonzero(boundary.pixels)) + self._num_pixels - intersection
        return intersection / union if union else None


@dataclass(frozen=True, eq=False)
class _Boundary:
    """(h, w) bool pixels of a box whose first row and column are `top` and `left`; there is no boundary elsewhere."""

    top: int
    left: int
    pixels: NDArray[np.bool_]

    def num_common(self, other: _Boundary) -> int:
        top, left = max(self.top, other.top), max(self.left, other.left)
        bottom = min(self.top + self.pixels.shape[0], other.top + other.pixels.shape[0])
        right = min(self.left + self.pixels.shape[1], other.left + other.pixels.shape[1])
        if bottom <= top or right <= left:
            return 0
        mine, theirs = (
            one.pixels[top - one.top : bottom - one.top, left - one.left : right - one.left]
            for one in (self, other)
        )
        return int(np.count_nonzero(mine & theirs))


def _boundary(mask: NDArray[np.bool_], counts: NDArray[np.bool_] | None, distance: int) -> _Boundary:
    """Of the pixels of a mask that count; all do if `counts` is None."""
    pixels = np.ascontiguousarray(mask, dtype=np.bool_).view(np.uint8)
    left, top, width, height = cv2.boundingRect(pixels)
    box = slice(top, top + height), slice(left, left + width)
    # One pixel of background on each side is as good as an endless one: no erosion starts farther out.
    bordered = np.zeros((height + 2, width + 2), np.uint8)
    inside = bordered[1:-1, 1:-1]
    inside[:] = pixels[box] if counts is None else pixels[box] & counts[box]
    return _Boundary(top, left, (inside > _eroded(bordered, distance)[1:-1, 1:-1]))


def _eroded(pixels: NDArray[np.uint8], distance: int) -> NDArray[np.uint8]:
    """(h, w) 0 or 1: where the square of 2 * distance + 1 pixels a side around a pixel holds no 0."""
    side = 2 * distance + 1
    return np.asarray(cv2.erode(pixels, np.ones((side, side), np.uint8)), np.uint8)
