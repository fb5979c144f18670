"""What the directory of a TIFF says of its pixels, which decoders heed in part only."""

from __future__ import annotations

import contextlib
import io
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from PIL import TiffImagePlugin

_SIGNS = (b"II*\0", b"MM\0*", b"II+\0", b"MM\0+")
_ORIENTATION, _NO_DATA = 274, 42113
_MIN_IS_WHITE = 0
_FORMATS = {1: "unsigned integers", 2: "integers", 3: "floats"}


@dataclass(frozen=True)
class TiffTags:
    """The tags of the first page.

    height, width: pixels as stored.
    bits: of the deepest channel.
    orientation: 1 to 8; Pillow and OpenCV both turn the pixels of a TIFF upright by it.
    min_is_white: 0 is white; Pillow and OpenCV turn that around in 8 bits and fewer only.
    kind: of the values, in words.
    no_data: the values that stand for no measurement, as GDAL writes them; there is one or none.
    """

    height: int
    width: int
    bits: int
    orientation: int
    min_is_white: bool
    kind: str
    no_data: tuple[float, ...]


def is_tiff(data: bytes) -> bool:
    """Tell whether bytes begin as a TIFF does."""
    return data[:4] in _SIGNS


def read_tiff_tags(data: bytes) -> TiffTags | None:
    """Read the tags of a TIFF; None if the bytes are none, or its directory is broken."""
    if not is_tiff(data):
        return None
    try:
        is_big = 43 in data[2:4]
        tags = TiffImagePlugin.ImageFileDirectory_v2(data[: 16 if is_big else 8])
        stream = io.BytesIO(data)
        stream.seek(tags.next)
        tags.load(stream)
        return _of(tags)
    except Exception:  # a broken directory makes Pillow's parser raise almost anything
        return None


def _of(tags: Mapping[int, Any]) -> TiffTags:
    orientation = tags.get(_ORIENTATION, 1)
    no_data: tuple[float, ...] = ()
    with contextlib.suppress(ValueError):
        no_data = (float(str(tags[_NO_DATA]).strip(" \0")),) if _NO_DATA in tags else ()
    bits = tags.get(TiffImagePlugin.BITSPERSAMPLE, (1,))
    sample_format = tags.get(TiffImagePlugin.SAMPLEFORMAT, (1,))
    return TiffTags(
        height=int(tags[TiffImagePlugin.IMAGELENGTH]),
        width=int(tags[TiffImagePlugin.IMAGEWIDTH]),
        bits=max(bits) if isinstance(bits, tuple) else int(bits),
        orientation=orientation if orientation in range(1, 9) else 1,
        min_is_white=tags.get(TiffImagePlugin.PHOTOMETRIC_INTERPRETATION) == _MIN_IS_WHITE,
        kind=_FORMATS.get(sample_format[0] if isinstance(sample_format, tuple) else sample_format, "values"),
        no_data=no_data,
    )
