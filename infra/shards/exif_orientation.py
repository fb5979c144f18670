"""The EXIF orientation of a photograph: how the stored pixels are to be turned for a person to see them upright."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from infra.shards.image_reading import Orientation
from infra.shards.tiff_tags import read_tiff_tags

_TAG = 0x0112
_HEADER = b"Exif\0\0"
_START_OF_SCAN, _APP1 = 0xDA, 0xE1
_SWAPS_SIDES = range(5, 9)
_BACK = {6: 8, 8: 6}  # the others undo themselves
_Pixel = TypeVar("_Pixel", bound=np.generic)


def orientation_of(image: Image.Image, data: bytes) -> int:
    """Return the orientation, 1 to 8, of an opened image; 1 (upright) if it has none or one that EXIF does not know.

    Pixels are not decoded. `data` are the bytes of the image.
    """
    if image.format == "TIFF":
        tags = read_tiff_tags(data)
        return 1 if tags is None else tags.orientation
    blob = image.info.get("exif")
    if blob is None and image.format == "PNG":
        blob = _late_exif(data)
    if not isinstance(blob, bytes):
        return 1
    block = bytearray(blob.removeprefix(_HEADER))
    for place, order in _places_of_tag(block, 0, len(block)):
        (value,) = struct.unpack_from(order + "H", block, place)
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


def as_wanted(
    pixels: NDArray[_Pixel], orientation: int, wanted: Orientation, *, come_upright: bool
) -> NDArray[_Pixel]:
    """Turn pixels (H, W) or (H, W, C) upright or back.

    Args:
        pixels: as a decoder gave them.
        orientation: of the file, 1 to 8.
        wanted: how they are to be.
        come_upright: whether the decoder turned them, as all do with TIFF.

    """
    if orientation == 1 or come_upright == (wanted == "upright"):
        return pixels
    if wanted == "upright":
        return turned_upright(pixels, orientation)
    return turned_upright(pixels, _BACK.get(orientation, orientation))


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


def _late_exif(data: bytes) -> bytes | None:
    """Return the EXIF block of a PNG, also one behind the pixels, which Pillow meets only when it decodes them."""
    position = 8
    while position + 8 <= len(data):
        (length,) = struct.unpack_from(">I", data, position)
        if data[position + 4 : position + 8] == b"eXIf":
            return data[position + 8 : position + 8 + length]
        position += 12 + length
    return None


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
