"""Masks of which each value is an object of its own."""

from __future__ import annotations

import numpy as np

from infra.layouts.fading import are_numbered, fades
from infra.layouts.ignored_pixels import ignored_pixels, void_doubts
from infra.layouts.mask_colours import background_index, palette_meaning
from infra.layouts.mask_reading import SAY_WHICH, MaskPixels, MaskReading, ambiguous
from infra.shards.mask_channels import OPAQUE_FROM, MaskChannels

_NO_BACKGROUND = "masks without background: no pixel is 0"
_FADING = (
    "masks of {} values that fade into each other, each of them an object, as --mask-values instances says: if they "
    "are shades of one object, give --mask-values binary"
)


def instances(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Read an object of each value but the background.

    Raises:
        SampleError: the values are no whole numbers, or not exact; or they fade, and it is only the layout that has
            instances.

    """
    if channels.is_lossy:
        raise ambiguous(
            f"a lossy {channels.format} mixes the values of instances at their borders: save the masks as PNG"
        )
    if channels.kind == "colours":
        raise ambiguous(
            "the mask is in colours, and instances need one grey value or palette index an object: save it so, or "
            "give --mask-values binary"
        )
    values = channels.values
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        raise ambiguous("the mask has fractions, and instances need whole numbers: give --mask-values binary")
    meaning = "every value but 0 is an object of its own"
    background = 0
    if channels.kind == "palette":
        background = background_index(channels)
        meaning = palette_meaning(background, "every other index is an object of its own", meaning)
    ignored = ignored_pixels(channels, reading)
    levels = np.unique(values[~ignored.pixels])
    doubts = ignored.doubts + void_doubts(channels, ignored.pixels)
    # numbered cells that touch look like shades if they are seen once a block
    if fades(values, levels, ignored.pixels, in_blocks=not are_numbered(levels)):
        if not reading.mask_values_are_told:
            raise ambiguous(
                f"the mask has {len(levels)} values that fade into each other, as shades of one object do: give "
                "--mask-values binary, or instances if each value is an object all the same"
            )
        doubts += (_FADING.format(_how_many(len(levels))),)
    if channels.has_varying_alpha and (values[channels.alpha < OPAQUE_FROM] != background).any():
        raise ambiguous(f"transparent pixels of the mask have values of objects: {SAY_WHICH}")
    doubts += () if background in levels else (_NO_BACKGROUND,)
    objects = np.where(ignored.pixels | (values == background), 0, values).astype(np.int64)
    if background != 0:
        # index 0 is an object here, and 0 is the name of the background
        objects[(values == 0) & ~ignored.pixels] = 256
    return MaskPixels(objects, ignored.pixels, meaning + ignored.said, doubts)


def _how_many(number: int) -> str:
    """Write about how many, since the sentence is to be the same for all files of a kind."""
    return next((f"more than {least}" for least in (1000, 100, 50, 10) if number > least), "a few")
