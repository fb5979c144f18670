"""COCO run-length encoding of masks: column-major runs, background first, in COCO's compressed text.

pycocotools encodes and finds boxes. It trusts its input to the point of writing outside its buffers, so
`run_lengths` checks every encoding before it gets there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

_CONTINUES = 0x20
_SIGN = 0x10
_FIRST_CHARACTER = 48
_MAX_CHARACTERS_OF_RUN = 7  # 5 bits each: more than 2**32 pixels


def encode(mask: npt.NDArray[np.bool_]) -> bytes:
    """Encode a mask.

    Args:
        mask: (H, W) bool.

    Returns:
        COCO's compressed counts; ASCII, so `.decode("ascii")` is what JSON carries.

    """
    encoded = coco_mask.encode(np.asfortranarray(mask, dtype=np.uint8))
    counts = encoded["counts"]
    return counts.encode("ascii") if isinstance(counts, str) else counts


def decode(counts: bytes, height: int, width: int) -> npt.NDArray[np.bool_]:
    """Decode compressed counts into a mask of (height, width) bool; ValueError if they do not fit it."""
    return _mask_of_runs(run_lengths(counts, height, width), height, width)


def area(counts: bytes, height: int, width: int) -> int:
    """Return the number of foreground pixels; ValueError as `decode`."""
    return int(run_lengths(counts, height, width)[1::2].sum())


def num_different(counts: bytes, others: bytes, height: int, width: int) -> int:
    """Return how many pixels belong to one of two masks of (height, width) only; ValueError as `decode`."""
    areas = area(counts, height, width) + area(others, height, width)
    both: Any = [{"size": [height, width], "counts": encoded} for encoded in (counts, others)]
    return areas - 2 * int(coco_mask.area(coco_mask.merge(both, intersect=True)))


def distance(counts: bytes, others: bytes, height: int, width: int) -> float:
    """Return 1 - IoU of two masks of (height, width), 0 if both are empty; ValueError as `decode`."""
    different = num_different(counts, others, height, width)
    union = (area(counts, height, width) + area(others, height, width) + different) / 2
    return different / union if union else 0.0


def replaced(counts: bytes, others: bytes, where: bytes, height: int, width: int) -> bytes:
    """Return one mask outside `where`, the other inside it; all three of (height, width). ValueError as `decode`."""
    outside = _complement(run_lengths(where, height, width), height, width)
    parts = [_merged([counts, outside], height, width, intersect=True)]
    parts.append(_merged([others, where], height, width, intersect=True))
    return _merged(parts, height, width)


def without(counts: bytes, others: Sequence[bytes], height: int, width: int) -> bytes:
    """Return a mask without the pixels of others; all of (height, width). ValueError as `decode`."""
    if not others:
        return counts
    outside = _complement(run_lengths(_merged(others, height, width), height, width), height, width)
    return _merged([counts, outside], height, width, intersect=True)


def bbox(counts: bytes, height: int, width: int) -> tuple[int, int, int, int]:
    """Return the bounding box (x, y, w, h) in pixels, zeros for an empty mask; ValueError as `decode`."""
    if area(counts, height, width) == 0:
        return (0, 0, 0, 0)
    x, y, w, h = (int(value) for value in coco_mask.toBbox({"size": [height, width], "counts": counts}))
    return (x, y, w, h)


def from_runs(runs: npt.ArrayLike, height: int, width: int) -> bytes:
    """Compress uncompressed COCO counts (a list of run lengths, background first); ValueError as `decode`."""
    lengths = np.asarray(runs, dtype=np.int64)
    _check_sum(lengths, height, width)
    return encode(_mask_of_runs(lengths, height, width))


def run_lengths(counts: bytes, height: int, width: int) -> npt.NDArray[np.int64]:
    """Parse compressed counts into run lengths, background first.

    The text holds little-endian groups of 5 bits, one character each (plus 48; bit 0x20: more follow; bit
    0x10 of the last: negative); from the fourth run on each is the difference to the run two before
    (`rleFrString` of pycocotools).

    Raises:
        ValueError: the text is no such encoding, or its runs do not add up to height x width.

    """
    text = np.frombuffer(counts, dtype=np.uint8).astype(np.int64) - _FIRST_CHARACTER
    if text.size == 0:
        raise ValueError("RLE without counts")
    last = (text & _CONTINUES) == 0
    if text.min() < 0 or text.max() > 0x3F or not last[-1]:
        raise ValueError("RLE counts hold characters that COCO's encoding does not use")
    ends = np.flatnonzero(last)
    starts = np.concatenate(([0], ends[:-1] + 1))
    if int((ends - starts).max()) >= _MAX_CHARACTERS_OF_RUN:
        raise ValueError("RLE holds a run of more pixels than an image can have")
    place = np.arange(text.size) - np.repeat(starts, ends - starts + 1)
    values = np.add.reduceat((text & 0x1F) << (5 * place), starts)
    negative = (text[ends] & _SIGN) != 0
    values[negative] -= np.int64(1) << (5 * (ends - starts + 1))[negative]
    lengths = values
    lengths[1::2] = np.cumsum(lengths[1::2])
    lengths[2::2] = np.cumsum(lengths[2::2])
    _check_sum(lengths, height, width)
    return lengths


def _mask_of_runs(lengths: npt.NDArray[np.int64], height: int, width: int) -> npt.NDArray[np.bool_]:
    values = np.arange(lengths.size) % 2 == 1
    return np.ascontiguousarray(np.repeat(values, lengths).reshape(width, height).T)


def _merged(masks: Sequence[bytes], height: int, width: int, *, intersect: bool = False) -> bytes:
    parts: Any = [{"size": [height, width], "counts": counts} for counts in masks]
    merged = coco_mask.merge(parts, intersect=intersect)["counts"]
    return merged.encode("ascii") if isinstance(merged, str) else merged


def _complement(lengths: npt.NDArray[np.int64], height: int, width: int) -> bytes:
    runs = lengths[1:] if lengths[0] == 0 else np.concatenate(([0], lengths))
    encoded = coco_mask.frPyObjects({"counts": runs.tolist(), "size": [height, width]}, height, width)
    counts = encoded["counts"]
    return counts.encode("ascii") if isinstance(counts, str) else counts


def _check_sum(lengths: npt.NDArray[np.int64], height: int, width: int) -> None:
    if lengths.size == 0 or lengths.min() < 0 or int(lengths.sum()) != height * width:
        raise ValueError(f"RLE runs add up to {int(lengths.sum())} pixels, the image has {height} x {width}")
