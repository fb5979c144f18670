"""The largest error of a mask, and its middle: where simulated users look before they click.

The depth of a wrong pixel is its Euclidean distance to the nearest pixel that is not wrong in the same way; all beyond
the image counts as such. A pixel under an earlier click has depth 0.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click
from mfp.distance import BoxedDistance, boxed_distance
from mfp.stop_reason import StopReason

_EIGHT_NEIGHBOURS = 8


@dataclass(frozen=True)
class DeepestPixel:
    """The first wrong pixel in row-major order at the largest depth.

    Attributes:
        y, x: row and column in the image.
        is_missed: it belongs to the object and the mask lacks it; else the mask has it and should not.
    """

    y: int
    x: int
    is_missed: bool

    @property
    def click(self) -> Click:
        """The click that tells the pixel's true side."""
        return Click(float(self.y), float(self.x), self.is_missed)


@dataclass(frozen=True, eq=False)
class LargestError:
    """The pixels of the largest error that were not clicked yet, in row-major order. There is at least one.

    Attributes:
        ys, xs: (N,) int64, rows and columns in the image.
        depths: (N,) float32, pixels, all more than 0.
        is_missed: they belong to the object and the mask lacks them; else the mask has them and should not.
    """

    ys: NDArray[np.int64]
    xs: NDArray[np.int64]
    depths: NDArray[np.float32]
    is_missed: bool

    def click(self, idx: int) -> Click:
        """The click that tells the true side of pixel `idx`, which counts from 0."""
        return Click(float(self.ys[idx]), float(self.xs[idx]), self.is_missed)


def deepest_pixel(
    truth: NDArray[np.int8], mask: NDArray[np.bool_], clicks: Sequence[Click]
) -> DeepestPixel | StopReason:
    """The middle of the largest error: the deepest wrong pixel, missed or surplus; the surplus on a tie.

    Args:
        truth: (H, W) int8, 1 object, 0 background, -1 ignored.
        mask: (H, W) bool, the current prediction.
        clicks: the session's clicks so far, (y, x) in image pixels.

    Returns:
        The pixel. PERFECT if no pixel is wrong, and ERRORS_CLICKED if every wrong pixel was clicked.
    """
    # The distances of one side are dropped before the other's are made: holding both costs as much again in memory
    # that the system hands out anew.
    missed = _deepest((truth == 1) & ~mask, clicks)
    surplus = _deepest((truth == 0) & mask, clicks)
    is_missed = missed.depth > surplus.depth
    found = missed if is_missed else surplus
    if found.depth > 0:
        return DeepestPixel(found.y, found.x, is_missed)
    is_wrong = ((truth == 1) & ~mask).any() or ((truth == 0) & mask).any()
    return StopReason.ERRORS_CLICKED if is_wrong else StopReason.PERFECT


def largest_error(
    truth: NDArray[np.int8], mask: NDArray[np.bool_], clicks: Sequence[Click]
) -> LargestError | StopReason:
    """The 8-connected part of the missed or of the surplus pixels that holds the pixel of `deepest_pixel`.

    Pixels under earlier clicks connect what lies around them, and are left out.
    """
    deepest = deepest_pixel(truth, mask, clicks)
    if isinstance(deepest, StopReason):
        return deepest
    labels = ((truth == 1) & ~mask if deepest.is_missed else (truth == 0) & mask).astype(np.uint8)
    cv2.floodFill(labels, None, (deepest.x, deepest.y), 2, flags=_EIGHT_NEIGHBOURS)
    # The part alone gives the depths of the whole error: on the way to another part lies a pixel that is not wrong,
    # and it is nearer.
    boxed = _without_clicked(boxed_distance(labels == 2), clicks)
    rows, columns = np.nonzero(boxed.distance)
    return LargestError(
        rows + boxed.top, columns + boxed.left, boxed.distance[rows, columns], deepest.is_missed
    )


@dataclass(frozen=True)
class _Deepest:
    """The first pixel in row-major order at the largest depth; depth 0: nothing left to click."""

    y: int
    x: int
    depth: float


def _deepest(error: NDArray[np.bool_], clicks: Sequence[Click]) -> _Deepest:
    boxed = _without_clicked(boxed_distance(error), clicks)
    if boxed.distance.size == 0:
        return _Deepest(0, 0, 0.0)
    y, x = divmod(int(boxed.distance.argmax()), boxed.distance.shape[1])
    return _Deepest(boxed.top + y, boxed.left + x, float(boxed.distance[y, x]))


def _without_clicked(boxed: BoxedDistance, clicks: Sequence[Click]) -> BoxedDistance:
    """The same array, with depth 0 under the clicks."""
    height, width = boxed.distance.shape
    for click in clicks:
        y, x = click.pixel
        if 0 <= y - boxed.top < height and 0 <= x - boxed.left < width:
            boxed.distance[y - boxed.top, x - boxed.left] = 0.0
    return boxed
