"""A mask that a shard holds as an image: read if it can mean one thing only."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.errors import Reason, SampleError
from infra.shards.image_file import MAX_PIXELS, has_alpha, what_is_no_image

REMEDY = (
    "save images and masks as images/ and masks/, and run mfp shard --layout folder, which has options for it"
)
_PLAIN_MODES = {"1", "L", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_SIGNS = (b"\x89PNG\r\n", b"\xff\xd8\xff", b"II*\0", b"MM\0*", b"GIF8")
_VALUES_SHOWN = 5


@dataclass(frozen=True)
class MaskImage:
    """An encoded image that is the mask of one object."""

    data: bytes

    def pixels(self) -> npt.NDArray[np.bool_]:
        """Return the mask as (H, W) bool: what is not black, in an image of black and one other value.

        Raises:
            SampleError: the bytes are no image, or one of other values, whose meaning nothing in a shard tells.

        """
        values = _values(self.data)
        present = np.unique(values)
        if len(present) > 2 or (len(present) == 2 and present[0] != 0):
            shown = ", ".join(f"{value:g}" for value in present[:_VALUES_SHOWN])
            more = f", ... ({len(present)} in all)" if len(present) > _VALUES_SHOWN else ""
            raise SampleError(
                Reason.AMBIGUOUS_MASK,
                f"the mask image has the values {shown}{more}, not 0 and one other: {REMEDY}",
            )
        mask: npt.NDArray[np.bool_] = values != 0
        return mask


def is_image(data: bytes) -> bool:
    """Tell whether bytes begin as an image file does; compressed counts never do."""
    return data.startswith(_SIGNS) or (data[:4] == b"RIFF" and data[8:12] == b"WEBP")


def _values(data: bytes) -> npt.NDArray[Any]:
    """Return (H, W): grey values as they are; colours, also those of a palette, as 0xRRGGBB."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SampleError(
                    Reason.IMAGE_TOO_LARGE,
                    f"a mask image of {image.height} x {image.width} pixels; the limit is {MAX_PIXELS}",
                )
            if image.mode in _PLAIN_MODES and "transparency" not in image.info:
                return np.asarray(image)
            if has_alpha(image) and image.convert("RGBA").getchannel("A").getextrema() != (255, 255):
                raise SampleError(Reason.AMBIGUOUS_MASK, f"the mask image is transparent in places: {REMEDY}")
            colours = np.asarray(image.convert("RGB")).astype(np.uint32)
            packed: npt.NDArray[np.uint32] = colours @ np.array([1 << 16, 1 << 8, 1], np.uint32)
            return packed
    except SampleError:
        raise
    except Exception:  # a broken file makes Pillow's parsers raise almost anything
        raise SampleError(Reason.UNDECODABLE_MASK, f"the mask: {what_is_no_image(data)}") from None
