"""The simulated user of the evaluation protocol: it clicks the middle of the largest error."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click
from mfp.distance import boxed_distance


@dataclass(frozen=True)
class _Deepest:
    """The first pixel in row-major order at the largest distance; distance 0: nothing left to click."""

    y: int
    x: int
    distance: float


def next_click(truth: NDArray[np.int8], mask: NDArray[np.bool_], clicked: Sequence[Click]) -> Click | None:
    """Where the simulated user clicks next.

    The deepest pixel of the missed object (a foreground click) or of the surplus (a background click),
    whichever lies deeper; the surplus on a tie, and the first pixel in row-major order among equals. A pixel
    under an earlier click counts as depth 0.

    Args:
        truth: (H, W) int8, 1 object, 0 background, -1 ignored.
        mask: (H, W) bool, the current prediction.
        clicked: the session's clicks so far, (y, x) in image pixels.

    Returns:
        The click, at whole coordinates in image pixels; None if no error is left that was not clicked.

    Source: the evaluation protocol of RITM and its successors; the end of a perfect session is ours.
    """
    missed = _deepest((truth == 1) & ~mask, clicked)
    surplus = _deepest((truth == 0) & mask, clicked)
    is_foreground = missed.distance > surplus.distance
    target = missed if is_foreground else surplus
    if target.distance == 0.0:
        return None
    return Click(float(target.y), float(target.x), is_foreground)


def _deepest(error: NDArray[np.bool_], clicked: Sequence[Click]) -> _Deepest:
    boxed = boxed_distance(error)
    height, width = boxed.distance.shape
    if boxed.distance.size == 0:
        return _Deepest(0, 0, 0.0)
    for click in clicked:
        y, x = click.pixel
        if 0 <= y - boxed.top < height and 0 <= x - boxed.left < width:
            boxed.distance[y - boxed.top, x - boxed.left] = 0.0
    y, x = divmod(int(boxed.distance.argmax()), width)
    return _Deepest(boxed.top + y, boxed.left + x, float(boxed.distance[y, x]))
