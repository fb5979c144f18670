"""A change that stays local: a click alters one connected part of a mask, and what was right elsewhere stays."""

from __future__ import annotations

from collections.abc import Sequence

import cv2
import numpy as np
from numpy.typing import NDArray


def changed_part(
    before: NDArray[np.bool_], after: NDArray[np.bool_], pixels: Sequence[tuple[int, int]]
) -> NDArray[np.bool_]:
    """The connected parts of the difference of two masks that hold one of some pixels; parts touch at corners too.

    Args:
        before, after: (h, w) bool.
        pixels: (row, column) of the newest clicks; those outside the masks hold nothing.

    Returns:
        (h, w) bool; empty if the masks are the same at all of the pixels: the network did not follow the click.

    Source: the progressive merge of FocalClick (CVPR 2022); that nothing changes without such a part is ours.
    """
    difference = np.ascontiguousarray(before != after)
    height, width = difference.shape
    inside = [(y, x) for y, x in pixels if 0 <= y < height and 0 <= x < width and difference[y, x]]
    if not inside:
        return np.zeros_like(difference)
    _, labels = cv2.connectedComponents(difference.view(np.uint8), connectivity=8)
    wanted = {int(labels[y, x]) for y, x in inside}
    part: NDArray[np.bool_] = np.isin(labels, list(wanted))
    return part
