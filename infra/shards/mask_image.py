"""A mask that a shard holds as an image: read if it can mean one thing only."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from infra.errors import Reason, SampleError
from infra.shards.mask_channels import OPAQUE, open_mask

REMEDY = (
    "save images and masks as images/ and masks/, and run mfp shard --layout folder, which has options for it"
)
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
    """Return (H, W): grey values as they are; colours, also those of a palette, as one number each, black as 0."""
    channels = open_mask(data, "upright")
    if (channels.alpha != OPAQUE).any():
        raise SampleError(Reason.AMBIGUOUS_MASK, f"the mask image is transparent in places: {REMEDY}")
    if channels.kind == "grey":
        return channels.values
    colours = channels.palette[channels.values] if channels.kind == "palette" else channels.colours
    packed: npt.NDArray[np.int64] = colours.astype(np.int64) @ np.array([1 << 32, 1 << 16, 1])
    return packed
