"""Label Studio's run-length encoding of brush masks: that of the npm package `@thi.ng/rle-pack`.

It packs the four channels of every pixel, row by row, into bits:

    32 bits   number of values
     5 bits   size of a value in bits, less 1
    4 x 4     four sizes for lengths in bits, each less 1
    then, until there are as many values:
     1 bit    1: a run of one value; 0: values one by one
     2 bits   which of the four sizes the length has
     size     the length, less 1
     value    once for a run, else as often as the length says

Label Studio writes 8 bits a value and lengths of 3, 4, 8 and 16 bits; so does `brush_rle`. Pixels count whose fourth
channel (alpha) is not 0.
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import numpy.typing as npt

from infra.exports.exported_sample import ExportedObject
from infra.exports.mask_window import counts_of, window_of

_CHANNELS = 4
_VALUE_BITS = 8
_FOREGROUND = 2**_VALUE_BITS - 1
_LENGTH_BITS = np.array([3, 4, 8, 16])
_LONGEST = 2 ** int(_LENGTH_BITS[-1])
_CODE_BITS = 1 + 2 + int(_LENGTH_BITS[-1]) + _VALUE_BITS
_MOST_VALUES = 2**32 - 1
_HEAD_BYTES = 7  # 53 bits
_MOST_BYTES_OF_VALUE = 7  # a run of one: 1 + 2 + 16 + 32 bits


def brush_rle(one: ExportedObject, height: int, width: int) -> bytes:
    """Encode the mask of an object.

    Raises:
        ValueError: the counts do not fit the image, or the image has 2**30 pixels or more.
    """
    num_values = height * width * _CHANNELS
    if num_values > _MOST_VALUES:
        raise ValueError(f"{height} x {width} pixels of {_CHANNELS} channels are more than 32 bits can count")
    head = [(num_values, 32), (_VALUE_BITS - 1, 5), *((int(size) - 1, 4) for size in _LENGTH_BITS)]
    head_bits = "".join(f"{number:0{size}b}" for number, size in head)
    bits = np.concatenate([np.array(list(head_bits), np.uint8), _packed_runs(_runs(one, height, width))])
    return np.packbits(bits).tobytes()


def counts_of_brush(packed: bytes, height: int, width: int) -> bytes:
    """Decode a mask that anyone encoded into COCO compressed counts of (height, width).

    Raises:
        ValueError: it is cut off, longer than any mask of that many pixels, or not of that many pixels.
    """
    if len(packed) > _HEAD_BYTES + height * width * _CHANNELS * _MOST_BYTES_OF_VALUE:
        raise ValueError(f"a brush mask of {len(packed):,} bytes is not one of {height} x {width} pixels")
    lengths, values = (np.array(column, np.int64) for column in zip(*_pieces(packed), strict=True))
    ends = np.cumsum(lengths)
    if ends[-1] != height * width * _CHANNELS:
        raise ValueError(f"a brush mask of {ends[-1]} values is not one of {height} x {width} pixels")
    ends_in_pixels = ends // _CHANNELS  # the last channel of a pixel is its alpha
    starts_in_pixels = np.concatenate([[0], ends_in_pixels[:-1]])
    is_foreground = (values != 0) & (ends_in_pixels > starts_in_pixels)
    return _counts(starts_in_pixels[is_foreground], ends_in_pixels[is_foreground], height, width)


def _runs(one: ExportedObject, height: int, width: int) -> npt.NDArray[np.int64]:
    """Lengths in pixels of the runs of the whole mask, row by row, background first."""
    rows = np.zeros((one.bbox.h, width), np.bool_)
    rows[:, one.bbox.x : one.bbox.x + one.bbox.w] = window_of(one.rle, one.bbox, height, width)
    turns = np.flatnonzero(np.diff(rows.ravel(), prepend=False, append=False)) + one.bbox.y * width
    runs: npt.NDArray[np.int64] = np.diff(turns, prepend=0, append=height * width)
    return runs


def _packed_runs(runs: npt.NDArray[np.int64]) -> npt.NDArray[np.uint8]:
    """The bits, 0 or 1 each, of alternating runs of pixels."""
    num_values = runs * _CHANNELS
    num_pieces = -(-num_values // _LONGEST)
    owner = np.repeat(np.arange(runs.size), num_pieces)
    lengths = np.full(owner.size, _LONGEST)
    is_last = np.diff(owner, append=-1) != 0
    lengths[is_last] = (num_values - (num_pieces - 1) * _LONGEST)[owner[is_last]]
    which = np.searchsorted(2**_LENGTH_BITS, lengths)
    sizes = _LENGTH_BITS[which]
    values = np.where(owner % 2 == 1, _FOREGROUND, 0)
    codes = (
        ((4 | which) << sizes | (lengths - 1)) << _VALUE_BITS
    ) | values  # the bit 4 says that it is a run
    places = np.arange(_CODE_BITS)[::-1]
    bits = codes[:, None] >> places & 1
    used: npt.NDArray[np.uint8] = bits[places < (3 + sizes + _VALUE_BITS)[:, None]].astype(np.uint8)
    return used


def _pieces(packed: bytes) -> Iterator[tuple[int, int]]:
    """Yield (length, value) of every run; values that stand one by one are runs of 1."""
    bits = np.unpackbits(np.frombuffer(packed, np.uint8)) + ord("0")
    text = bits.tobytes().decode("ascii")
    num_values, value_bits = int(text[:32], 2), int(text[32:37], 2) + 1
    sizes = [int(text[at : at + 4], 2) + 1 for at in range(37, 53, 4)]
    at, done = 53, 0
    if num_values == 0:
        raise ValueError("a brush mask without pixels")
    while done < num_values:
        is_run, size = text[at] == "1", sizes[int(text[at + 1 : at + 3], 2)]
        at += 3 + size
        length = int(text[at - size : at], 2) + 1
        for run in [length] if is_run else [1] * length:
            yield run, int(text[at : at + value_bits], 2)
            at += value_bits
        done += length


def _counts(starts: npt.NDArray[np.int64], ends: npt.NDArray[np.int64], height: int, width: int) -> bytes:
    if not starts.size:
        return counts_of(np.zeros((1, 1), np.bool_), 0, 0, height, width)
    top, bottom = int(starts[0]) // width, (int(ends[-1]) - 1) // width
    edges = np.zeros((bottom - top + 1) * width + 1, np.int8)
    np.add.at(edges, starts - top * width, 1)
    np.add.at(edges, ends - top * width, -1)
    rows = np.cumsum(edges[:-1], dtype=np.int8).reshape(-1, width) > 0
    columns = np.flatnonzero(rows.any(axis=0))
    left, right = int(columns[0]), int(columns[-1])
    return counts_of(rows[:, left : right + 1], left, top, height, width)
