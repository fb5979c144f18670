"""Masks in colours or with a palette: black, or index 0, is background."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from infra.layouts.fading import fades, is_stepped
from infra.layouts.ignored_pixels import ignored_pixels, one_object, void_doubts
from infra.layouts.mask_levels import by_levels, listed
from infra.layouts.mask_reading import SAY_WHICH, MaskPixels, MaskReading, ambiguous
from infra.layouts.object_values import hex_of
from infra.layouts.soft_mask import thresholded
from infra.shards.mask_channels import OPAQUE_FROM, MaskChannels

_Values: TypeAlias = npt.NDArray[Any]

MANY_COLOURS = 64  # shades of a soft edge in colour; a person draws with fewer
_SHADES = (
    "masks in a few shades of one colour, all of them taken for the object: else name it with --object-values #rrggbb",
)
_ONE_HUE = 0.1  # of the brightest channel


def by_colours(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Read one object from colours: all but black, or what is bright if the colours fade.

    Raises:
        SampleError: none of the colours is black, which would be background.

    """
    number = num_colours(channels)
    if number > MANY_COLOURS:
        return thresholded(channels, reading, "many shades of colour")
    ignored = ignored_pixels(channels, reading)
    values = np.where(ignored.pixels, 0, channels.values)
    levels = np.unique(values)
    is_one_hue = _is_one_hue(np.where(ignored.pixels[:, :, None], 0, channels.colours))
    if fades(values, levels, ignored.pixels) or (is_one_hue and _fades_to_its_brightest(values)):
        return thresholded(channels, reading, "soft edges in colour")
    if values.min() != 0:
        first = channels.colours[0, 0] >> (8 if channels.colours.dtype.itemsize > 1 else 0)
        raise ambiguous(
            f"{number} colours, such as {hex_of(first)}, none of them black, which would be background: {SAY_WHICH} "
            "'#rrggbb'"
        )
    meaning = "black and one colour: the colour is object"
    doubts = void_doubts(channels, ignored.pixels)
    if number > 2:
        meaning = "black and several colours: all but black is the one object"
        doubts = doubts or (_SHADES if is_one_hue and len(levels) > 2 else ())
    return one_object(values != 0, ignored, meaning, doubts)


def num_colours(channels: MaskChannels) -> int:
    """Count the colours of a mask, or the values if it has none."""
    if channels.kind != "colours":
        return len(np.unique(channels.values))
    colours = channels.colours.astype(np.int64)
    return len(np.unique((colours[:, :, 0] << 32) | (colours[:, :, 1] << 16) | colours[:, :, 2]))


def _is_one_hue(colours: _Values) -> bool:
    """Tell whether (H, W, 3) colours are shades of one, from black to the brightest."""
    flat = np.unique(colours.reshape(-1, 3), axis=0).astype(np.float64)
    brightest = flat[flat.max(axis=1).argmax()]
    if not brightest.any():
        return False
    shares = flat.max(axis=1, keepdims=True) / brightest.max()
    return bool((np.abs(flat - shares * brightest) <= _ONE_HUE * brightest.max()).all())


def _fades_to_its_brightest(values: _Values) -> bool:
    """Tell shades of one hue, whose range ends at its brightest pixel, whatever that is."""
    scaled = np.rint(values.astype(np.float64) * (255 / values.max()))
    levels, none = np.unique(scaled), np.zeros(values.shape, np.bool_)
    return fades(scaled, levels, none) or is_stepped(scaled, levels, none)


def by_palette(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Read one object from palette indices: all but the background; a grey palette that fades stands for its greys.

    Raises:
        SampleError: several indices are used, and none is 0 or black.

    """
    used = np.unique(channels.values)
    shades = channels.palette[used]
    if len(used) > 2 and with_greys(channels).kind == "grey":
        return by_levels(with_greys(channels), reading)
    if (shades == shades[:, :1]).all() and len(used) > 2:
        grey = replace(
            channels, kind="grey", values=channels.palette[channels.values][:, :, 0].astype(np.int64)
        )
        levels, none = np.unique(grey.values), np.zeros(grey.values.shape, np.bool_)
        if fades(grey.values, levels, none) or is_stepped(grey.values, levels, none):
            return by_levels(grey, reading)
    background = background_index(channels)
    if len(used) > 1 and background not in used:
        raise ambiguous(
            f"palette indices {listed(used)}, none of them 0 or black, which would be background: {SAY_WHICH}"
        )
    others = len(used) - (background in used)
    rest = "the other index is object" if others <= 1 else "all other indices are the one object"
    meaning = palette_meaning(background, rest, f"palette index 0 is background, {rest}")
    ignored = ignored_pixels(channels, reading)
    return one_object(channels.values != background, ignored, meaning, void_doubts(channels, ignored.pixels))


def with_greys(channels: MaskChannels) -> MaskChannels:
    """Return a mask in grey if its palette says of each index that it is that grey, else the mask itself."""
    used = np.unique(channels.values)
    if channels.kind != "palette" or (channels.palette[used] != used[:, None]).any():
        return channels
    return replace(channels, kind="grey", values=channels.values.astype(np.int64))


def background_index(channels: MaskChannels) -> int:
    """Return 0, unless exactly one other index that is used is black or transparent, and 0 is neither."""
    used = np.unique(channels.values)
    empty = [
        int(index) for index in used if not channels.palette[index].any() or _is_transparent(channels, index)
    ]
    return empty[0] if len(empty) == 1 else 0


def _is_transparent(channels: MaskChannels, index: int) -> bool:
    return bool((channels.alpha[channels.values == index] < OPAQUE_FROM).all())


def palette_meaning(background: int, rest: str, usual: str) -> str:
    """Say which index is background; not its number, which may differ from file to file."""
    if background == 0:
        return usual
    return f"the palette index that is black or transparent is background, {rest}"
