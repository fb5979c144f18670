"""The three ways in which COCO writes a mask: polygons, uncompressed RLE and compressed RLE."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Sequence
from typing import cast

from pycocotools import mask as coco_mask

from infra import rle
from infra.errors import Reason, SampleError

_NUMBERS_OF_TRIANGLE = 6


def rle_of_segmentation(segmentation: object, height: int, width: int) -> bytes:
    """Turn the `segmentation` of an annotation into compressed counts over the whole image.

    Polygons are rings [x1, y1, x2, y2, ...] in pixels, rasterised by pycocotools; the mask is the union of all.

    Raises:
        SampleError: it is none of the three, does not fit an image of height x width, or covers no pixel.

    """
    if isinstance(segmentation, list):
        counts = _from_rings(segmentation, height, width)
    elif isinstance(segmentation, dict):
        counts = _from_runs(segmentation.get("size"), segmentation.get("counts"), height, width)
    else:
        raise SampleError(Reason.BAD_METADATA, "segmentation is neither a list of polygons nor an RLE")
    if rle.area(counts, height, width) == 0:
        raise SampleError(Reason.EMPTY_OBJECT, "the segmentation covers no pixel")
    return counts


def _from_rings(rings: Sequence[object], height: int, width: int) -> bytes:
    if not rings:
        raise SampleError(Reason.EMPTY_OBJECT, "the segmentation has no polygon")
    numbers = [_ring(ring) for ring in rings]
    limit = 2 * max(height, width)
    if any(max(ring) > limit or min(ring) < -limit for ring in numbers):
        # pycocotools allocates by the length of the edges
        raise SampleError(
            Reason.BAD_METADATA, f"a polygon reaches far outside the image of {height} x {width} pixels"
        )
    # its stubs know lists of whole numbers only
    encoded = coco_mask.merge(coco_mask.frPyObjects(numbers, height, width))  # type: ignore[arg-type]
    counts = encoded["counts"]
    return counts.encode("ascii") if isinstance(counts, str) else counts


def _ring(ring: object) -> array[float]:
    try:
        numbers = array("d", cast("Iterable[float]", ring))
    except (TypeError, OverflowError):
        numbers = array("d")
    # pycocotools would take four numbers for a box and drop an odd one
    if len(numbers) < _NUMBERS_OF_TRIANGLE or len(numbers) % 2 or not all(map(math.isfinite, numbers)):
        raise SampleError(Reason.BAD_METADATA, "a polygon is not a list of three or more x, y pairs")
    return numbers


def _from_runs(size: object, counts: object, height: int, width: int) -> bytes:
    if size != [height, width]:
        raise SampleError(
            Reason.MASK_SIZE_MISMATCH, f"the RLE has size {size}, the image has {height} x {width} pixels"
        )
    try:
        if isinstance(counts, str):
            compressed = counts.encode("ascii")
            rle.run_lengths(compressed, height, width)
            return compressed
        if isinstance(counts, list) and all(
            type(run) is int and 0 <= run <= height * width for run in counts
        ):
            return rle.from_runs(counts, height, width)
    except ValueError as error:
        raise SampleError(Reason.BAD_METADATA, str(error)) from None
    raise SampleError(
        Reason.BAD_METADATA, "the counts of an RLE are neither a text nor a list of run lengths"
    )
