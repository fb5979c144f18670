"""The EXIF orientation of a photograph: how the stored pixels are to be turned for a person to see them upright."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

_TAG = 0x0112
_HEADER = b"Exif\0\0"
_START_OF_SCAN, _APP1 = 0xDA, 0xE1
_SWAPS_SIDES = range(5, 9)
_Pixel = TypeVar("_Pixel", bound=np.generic)


def orientation_of(image: Image.Image) -> int:
    """Return the orientation, 1 to 8, of an opened image; 1 (upright) if it has none or one that EXIF does not know.

    Only the header of the image is read. Pillow turns TIFF files itself.
    """
    blob = image.info.get("exif")
    if not isinstance(blob, bytes) or image.format == "TIFF":
        return 1
    data = bytearray(blob.removeprefix(_HEADER))
    for place, order in _places_of_tag(data, 0, len(data)):
        (value,) = struct.unpack_from(order + "H", data, place)
        return value if 1 <= value <= 8 else 1
    return 1


def upright_size(height: int, width: int, orientation: int) -> tuple[int, int]:
    """Return (height, width) of an image once it is turned upright."""
    return (width, height) if orientation in _SWAPS_SIDES else (height, width)


def turned_upright(pixels: NDArray[_Pixel], orientation: int) -> NDArray[_Pixel]:
    """Turn stored pixels (H, W) or (H, W, C) upright, as the EXIF standard defines its orientations 1 to 8."""
    if orientation in _SWAPS_SIDES:
        pixels = pixels.swapaxes(0, 1)
    if orientation in {3, 4, 7, 8}:
        pixels = pixels[::-1]
    if orientation in {2, 3, 6, 7}:
        pixels = pixels[:, ::-1]
    return np.ascontiguousarray(pixels)


def jpeg_as_stored(data: bytes) -> bytes:
    """Return a JPEG whose stored pixels are upright by declaration: its orientation tag becomes 1, all else stays."""
    patched = bytearray(data)
    position = 2
    while position + 4 <= len(data) and data[position] == 0xFF and data[position + 1] != _START_OF_SCAN:
        if data[position + 1] == 0xFF:  # fill byte
            position += 1
            continue
        (length,) = struct.unpack_from(">H", data, position + 2)
        if data[position + 1] == _APP1 and data[position + 4 : position + 10] == _HEADER:
            for place, order in _places_of_tag(patched, position + 10, position + 2 + length):
                struct.pack_into(order + "H", patched, place, 1)
        position += 2 + length
    return bytes(patched)


def _places_of_tag(data: bytearray, start: int, end: int) -> Iterator[tuple[int, str]]:
    """Yield where the value of the orientation tag lies, and the order of its bytes; nothing in a damaged block.

    A block is a TIFF header and a directory of entries of 12 bytes: tag, type, count, value. Pillow reads them too,
    but prints warnings on what is damaged.
    """
    order = "<" if data[start : start + 2] == b"II" else ">"
    try:
        (directory,) = struct.unpack_from(order + "I", data, start + 4)
        (num_entries,) = struct.unpack_from(order + "H", data, start + directory)
        for entry in range(num_entries):
            place = start + directory + 2 + 12 * entry
            if place + 12 <= end and struct.unpack_from(order + "H", data, place)[0] == _TAG:
                yield place + 8, order
    except struct.error:  # cut off
        return
