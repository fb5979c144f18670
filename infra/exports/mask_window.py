"""A mask inside its bounding box: what it costs to write and read one grows with the object, not with the image."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from infra import rle
from infra.runs.tables import BoundingBox


def window_of(counts: bytes, box: BoundingBox, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Decode the part of a mask that lies in a box.

    Args:
        counts: COCO compressed counts of a (height, width) mask.
        box: a part of the image.

    Returns:
        (box.h, box.w) bool.

    Raises:
        ValueError: the counts do not fit the image.
    """
    first, last = box.x * height, (box.x + box.w) * height
    ends = np.clip(np.cumsum(rle.run_lengths(counts, height, width)), first, last)
    lengths = np.diff(ends, prepend=first)
    columns = np.repeat(np.arange(lengths.size) % 2 == 1, lengths).reshape(box.w, height)
    return np.ascontiguousarray(columns.T[box.y : box.y + box.h])


def counts_of(window: npt.NDArray[np.bool_], x: int, y: int, height: int, width: int) -> bytes:
    """Encode a mask that is False outside a window.

    Args:
        window: (h, w) bool, whose first pixel is column `x` and row `y` of the image.

    Returns:
        COCO compressed counts of (height, width).
    """
    h, w = window.shape
    columns = np.zeros((w, height), np.bool_)
    columns[:, y : y + h] = window.T
    turns = np.flatnonzero(np.diff(columns.ravel(), prepend=False, append=False)) + x * height
    runs = np.diff(turns, prepend=0, append=height * width)
    ends_with_the_image = turns.size > 0 and runs[-1] == 0
    return _compressed(runs[:-1] if ends_with_the_image else runs, height, width)


def _compressed(runs: npt.NDArray[np.int64], height: int, width: int) -> bytes:
    encoded: Any = coco_mask.frPyObjects({"counts": runs.tolist(), "size": [height, width]}, height, width)
    counts: Any = encoded["counts"]
    return counts.encode("ascii") if isinstance(counts, str) else bytes(counts)
