"""Run-length encodings of masks that are worked on at 1/reduction of their size: into it, and back from it.

Both ways go column by column in strips: a mask of 100 megapixels is never there as pixels. Reduced pixel (y, x)
stands for the block of image pixels from (reduction y, reduction x) on; the last row and column of blocks may be cut
off by the border of the image.
"""

from __future__ import annotations

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from infra import rle

_COLUMNS_IN_STRIP = 64  # of blocks


def reduced_side(side: int, reduction: int) -> int:
    """Return the number of blocks that cover so many pixels."""
    return -(-side // reduction)


def decode_reduced(counts: bytes, height: int, width: int, reduction: int) -> npt.NDArray[np.bool_]:
    """Decode the mask of an image of (height, width) at 1/reduction of its size.

    Returns:
        (ceil(height / reduction), ceil(width / reduction)) bool: the blocks with at least as many pixels inside the
        mask as outside. ValueError as `rle.decode`.

    """
    if reduction == 1:
        return rle.decode(counts, height, width)
    lengths = rle.run_lengths(counts, height, width)
    ends = np.cumsum(lengths)
    rows, columns = reduced_side(height, reduction), reduced_side(width, reduction)
    reduced = np.zeros((rows, columns), np.bool_)
    rows_in_block = _in_block(height, reduction)
    for first in range(0, columns, _COLUMNS_IN_STRIP):
        last = min(first + _COLUMNS_IN_STRIP, columns)
        pixels = _columns(lengths, ends, first * reduction, min(last * reduction, width), height)
        if pixels is None:
            continue
        num_inside = _sums(_sums(pixels, reduction, axis=1), reduction, axis=0)
        num_pixels = np.outer(_in_block(width, reduction)[first:last], rows_in_block)
        reduced[:, first:last] = (2 * num_inside >= num_pixels).T
    return reduced


def encode_enlarged(
    prob: npt.NDArray[np.float32], threshold: float, height: int, width: int, reduction: int
) -> bytes:
    """Encode, at the size of the image, where a probability map of 1/reduction of it is larger than the threshold.

    Between the centres of its pixels the map is bilinear, beyond the outermost ones constant.

    Args:
        prob: (ceil(height / reduction), ceil(width / reduction)) float32.
        threshold: compared as float32.
        height, width: of the image, pixels.
        reduction: a power of 2, so that the weights, and the mask, do not depend on any rounding of them.

    Returns:
        COCO's compressed counts of (height, width).

    """
    borders: list[npt.NDArray[np.int64]] = []
    above = prob > np.float32(threshold)
    columns = np.flatnonzero(above.any(axis=0))
    if columns.size:
        # an interpolated value is larger than the threshold only next to a pixel that is
        begin, end = max(0, int(columns[0]) - 1), min(prob.shape[1], int(columns[-1]) + 2)
        for first in range(begin, end, _COLUMNS_IN_STRIP):
            last = min(first + _COLUMNS_IN_STRIP, end)
            strip = _enlarged_columns(prob, first, last, reduction) > np.float32(threshold)
            left = first * reduction
            borders.append(_borders(strip[: width - left, :height]) + left * height)
    return _encode_borders(np.concatenate(borders) if borders else np.zeros(0, np.int64), height, width)


def _columns(
    lengths: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], left: int, right: int, height: int
) -> npt.NDArray[np.uint8] | None:
    """(right - left, height) uint8, 0 or 1: columns of the mask; None if they are all background."""
    begin, end = left * height, right * height
    first = int(np.searchsorted(ends, begin, side="right"))
    last = int(np.searchsorted(ends, end, side="left"))
    if first == last and first % 2 == 0:
        return None
    run_ends = ends[first : last + 1]
    run_starts = run_ends - lengths[first : last + 1]
    runs = np.minimum(run_ends, end) - np.maximum(run_starts, begin)
    values = (np.arange(first, last + 1) % 2).astype(np.uint8)
    return np.repeat(values, runs).reshape(right - left, height)


def _sums(values: npt.NDArray[np.uint8], reduction: int, axis: int) -> npt.NDArray[np.uint8]:
    """Sums over groups of `reduction` neighbours along an axis; the last group may be smaller. 64 at most."""
    values = np.moveaxis(values, axis, 0)
    sums = values[::reduction].copy()
    for offset in range(1, reduction):
        others = values[offset::reduction]
        sums[: len(others)] += others
    return np.moveaxis(sums, 0, axis)


def _in_block(side: int, reduction: int) -> npt.NDArray[np.int64]:
    """(blocks,) int64: how many pixels of a side lie in each block."""
    first = np.arange(0, side, reduction)
    return np.minimum(first + reduction, side) - first


def _enlarged_columns(
    prob: npt.NDArray[np.float32], first: int, last: int, reduction: int
) -> npt.NDArray[np.float32]:
    """((last - first) x reduction, rows x reduction) float32: columns of the enlarged map, transposed."""
    columns = np.clip(np.arange(first - 1, last + 1), 0, prob.shape[1] - 1)
    strip = _interpolated(np.ascontiguousarray(prob[:, columns].T), reduction)
    rows = np.concatenate(([0], np.arange(prob.shape[0]), [prob.shape[0] - 1]))
    return np.ascontiguousarray(_interpolated(np.ascontiguousarray(strip.T)[rows], reduction).T)


def _interpolated(values: npt.NDArray[np.float32], reduction: int) -> npt.NDArray[np.float32]:
    """((N - 2) x reduction, M) float32 between (N, M) values; the first and the last are neighbours only."""
    inner = values[1:-1]
    enlarged = np.empty((len(inner), reduction, values.shape[1]), np.float32)
    for place in range(reduction):
        distance = (place + 0.5) / reduction - 0.5
        neighbour = values[:-2] if distance < 0 else values[2:]
        weight = np.float32(abs(distance))
        enlarged[:, place] = inner * (1 - weight) + neighbour * weight
    return enlarged.reshape(-1, values.shape[1])


def _borders(columns: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Where the value changes along each of (columns, height), 0 before and after it: pixels from the first one on."""
    height = columns.shape[1]
    framed = np.zeros((columns.shape[0], height + 2), np.bool_)
    framed[:, 1:-1] = columns
    column, row = np.nonzero(framed[:, 1:] != framed[:, :-1])
    borders: npt.NDArray[np.int64] = column * height + row
    return borders


def _encode_borders(borders: npt.NDArray[np.int64], height: int, width: int) -> bytes:
    """Compress a mask that changes sides at these pixels, counted column by column; one named twice is no change."""
    pixels, times = np.unique(borders, return_counts=True)
    changes = pixels[times % 2 == 1]
    runs = np.diff(changes, prepend=0, append=height * width)
    if len(changes) and changes[-1] == height * width:
        runs = runs[:-1]
    encoded = coco_mask.frPyObjects({"counts": runs.tolist(), "size": [height, width]}, height, width)
    counts = encoded["counts"]
    return counts.encode("ascii") if isinstance(counts, str) else counts
