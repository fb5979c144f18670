"""TIFF files of values and tags that no encoder writes."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

import numpy as np
import numpy.typing as npt

_SIZES = {2: 1, 3: 2, 4: 4}
_FORMATS = {"u": 1, "i": 2, "f": 3}


def tiff_of(
    values: npt.NDArray[Any],
    *,
    bits: int = 0,
    photometric: int = 1,
    stored: npt.NDArray[Any] | None = None,
    extra: Sequence[tuple[int, int, int, int | bytes]] = (),
) -> bytes:
    """Write (H, W) or (H, W, 3) values uncompressed, in one strip.

    Args:
        values: what is shown; its type is that of the file, unless `bits` is given.
        bits: 8, 12, 16 or 32, unsigned; 0: those of `values`.
        photometric: 0 if 0 is white, 1 if it is black.
        stored: the values of the file, if they differ from what is shown.
        extra: further tags: number, type, count, value.

    """
    pixels = values if stored is None else stored
    channels = 1 if pixels.ndim == 2 else pixels.shape[2]
    sample_format = 1 if bits else _FORMATS[pixels.dtype.kind]
    depth = bits or pixels.dtype.itemsize * 8
    if bits == 12:
        low = pixels.ravel().astype(int)
        pairs = low.reshape(-1, 2)
        packed = np.stack(
            [pairs[:, 0] >> 4, (pairs[:, 0] & 15) << 4 | pairs[:, 1] >> 8, pairs[:, 1] & 255], axis=1
        )
        body = packed.astype(np.uint8).tobytes()
    else:
        body = (pixels.astype(f"<u{bits // 8}") if bits else pixels).tobytes()
    height, width = pixels.shape[:2]
    tags: list[tuple[int, int, int, int | bytes]] = [
        (256, 3, 1, width),
        (257, 3, 1, height),
        (258, 3, channels, struct.pack("<H", depth) * channels),
        (259, 3, 1, 1),
        (262, 3, 1, 2 if channels == 3 else photometric),
        (273, 4, 1, 0),
        (277, 3, 1, channels),
        (278, 3, 1, height),
        (279, 4, 1, len(body)),
        (339, 3, channels, struct.pack("<H", sample_format) * channels),
        *extra,
    ]
    tags.sort(key=lambda tag: tag[0])
    behind = 8 + 2 + 12 * len(tags) + 4
    further = b""
    places = b""
    room = sum(_SIZES[kind] * count for _, kind, count, _ in tags if _SIZES[kind] * count > 4)
    for number, kind, count, value in tags:
        data = (
            value
            if isinstance(value, bytes)
            else struct.pack("<I", behind + room if number == 273 else value)
        )
        if len(data) > 4:
            places += struct.pack("<HHII", number, kind, count, behind + len(further))
            further += data
        else:
            places += struct.pack("<HHI", number, kind, count) + data.ljust(4, b"\0")
    return b"II*\0" + struct.pack("<IH", 8, len(tags)) + places + b"\0\0\0\0" + further + body
