"""Masks of polygons, as pycocotools rasterises them."""

from __future__ import annotations

import numpy as np

from infra import rle
from infra.errors import SampleError
from infra.exports.outlines import outlines
from infra.layouts.coco_rings import Remark, Ring, rings_of
from infra.layouts.coco_segmentation import any_mask_of_segmentation
from infra.layouts.source_note import Topic


def mask_of_segmentation(segmentation: object, height: int, width: int) -> bytes:
    """Return compressed counts of a mask as COCO writes it: rings [x1, y1, x2, y2, ...] in pixels, or runs of any form.

    It may be empty.

    Raises:
        ValueError: it is none of these, does not fit the image, or a ring of it cannot be used.
    """
    remarks: tuple[Remark, ...] = ()
    try:
        if isinstance(segmentation, list) and segmentation:
            segmentation, remarks = rings_of(segmentation, height, width)
            for ring in segmentation:
                _check_length(ring, height, width)
        mask = any_mask_of_segmentation(segmentation, height, width)
    except SampleError as error:
        raise ValueError(error.detail) from None
    for remark in remarks:
        if remark.topic is Topic.LEFT_OUT:
            raise ValueError(f"a ring that cannot be used: {remark.text.rpartition(': ')[2]}")
    return mask.rle


def through_polygons(counts: bytes, height: int, width: int) -> bytes:
    """Return a mask as it comes back from an export as polygons: its holes are filled."""
    rings = [ring.ravel().tolist() for ring in outlines(rle.decode(counts, height, width))]
    return mask_of_segmentation(rings, height, width) if rings else empty(height, width)


def empty(height: int, width: int) -> bytes:
    """Return the mask without a pixel."""
    return rle.encode(np.zeros((height, width), np.bool_))


def _check_length(ring: Ring, height: int, width: int) -> None:
    """Raise ValueError for a ring that is longer than the outline of any mask: pycocotools allocates by its length."""
    points = np.asarray(ring, np.float64).reshape(-1, 2)
    length = np.abs(points - np.roll(points, 1, axis=0)).max(axis=1).sum()
    if length > 4 * (height + 1) * (width + 1) + 16 * (height + width):
        raise ValueError(f"a ring {length:.0f} pixels long, which no mask of {height} x {width} pixels has")
