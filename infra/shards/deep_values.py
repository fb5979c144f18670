"""Values as a file stores them, of which decoders make something else: more than 8 bits, fewer, other ranges."""

from __future__ import annotations

import re
from typing import Any, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.shards.tiff_tags import TiffTags, read_tiff_tags

_Values: TypeAlias = npt.NDArray[Any]

DEEP_MODES = {"I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_PNM_MAXVAL = re.compile(rb"P([2356])\s+(?:#[^\n]*\s+)*\d+\s+(?:#[^\n]*\s+)*\d+\s+(?:#[^\n]*\s+)*(\d+)")
_GREY_PNG = 0


def pnm_maxval(data: bytes) -> int | None:
    """Return the value that a PGM or PPM says is white; None if the bytes are neither."""
    match = _PNM_MAXVAL.match(data)
    return int(match[2]) if match else None


def has_deep_values(image: Image.Image, data: bytes) -> bool:
    """Tell whether an opened image has values of more than 8 bits, also those of which Pillow keeps 8."""
    if image.format == "PNG":
        return data[24] > 8
    if image.format == "TIFF":
        tags = read_tiff_tags(data)
        return tags is not None and tags.bits > 8
    return image.mode in DEEP_MODES


def opencv_values(data: bytes) -> _Values | None:
    """Decode with OpenCV, which reads what Pillow has no mode for; (H, W) or (H, W, C), blue first.

    None: it has no decoder for the bytes, or they are damaged. A TIFF comes upright, anything else as stored.
    """
    try:
        values = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
        )
    except cv2.error:
        return None
    tags = read_tiff_tags(data)
    if values is None or tags is None:
        return values
    if values.dtype == np.uint16 and 8 < tags.bits < 16:  # OpenCV moves them to the upper bits
        values = np.asarray(values, np.uint16) >> (16 - tags.bits)
    return positive(values, tags)


def positive(values: _Values, tags: TiffTags) -> _Values:
    """Turn around integers of more than 8 bits of which 0 is white."""
    if not tags.min_is_white or tags.bits <= 8 or values.dtype.kind == "f" or values.ndim != 2:
        return values
    return ((1 << tags.bits) - 1 - values.astype(np.int64)).astype(values.dtype)


def unscaled(values: _Values, image: Image.Image, data: bytes) -> _Values:
    """Undo what Pillow does to the (H, W) grey values of an opened image so that 255 or 65,535 is white."""
    maxval, end = pnm_maxval(data), 255
    if image.format == "PNG" and data[25] == _GREY_PNG and data[24] < 8:
        maxval = (1 << data[24]) - 1
    elif maxval is not None and maxval > 255:
        end = 65535
    if maxval is None or maxval == end or image.mode == "1":
        return values
    return np.rint(values.astype(np.float64) * (maxval / end)).astype(np.uint8 if end == 255 else np.uint16)
