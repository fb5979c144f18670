"""PNG files of one 8-bit channel, grey or with a palette."""

from __future__ import annotations

import io

import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.errors import ExportError


def png_of(values: npt.NDArray[np.uint8], palette: bytes = b"") -> bytes:
    """Return (H, W) uint8 as a PNG: grey, or indices of a palette of 256 times (red, green, blue)."""
    image = Image.fromarray(values)
    if palette:
        image.putpalette(palette)
    stream = io.BytesIO()
    image.save(stream, "PNG")
    return stream.getvalue()


def values_of(data: bytes, height: int, width: int, url: str) -> npt.NDArray[np.uint8]:
    """Return what `png_of` was given, (height, width) uint8; ExportError if the file holds nothing of that kind."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            found = (image.mode in ("L", "P"), image.height, image.width)
            if found != (True, height, width):
                raise ExportError(f"{url} is no mask of {height} x {width} pixels: export again")
            return np.array(image)
    except (OSError, SyntaxError, ValueError) as error:
        raise ExportError(f"{url} does not decode ({error}): export again") from None
