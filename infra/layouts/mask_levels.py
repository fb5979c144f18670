"""Masks of exact grey values: 0 is background and any other value object, unless the values fade."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from infra.layouts.fading import are_numbered, fades, is_stepped
from infra.layouts.ignored_pixels import ignored_pixels, one_object, void_doubts
from infra.layouts.mask_reading import SAY_WHICH, MaskPixels, MaskReading, ambiguous
from infra.layouts.soft_mask import thresholded
from infra.shards.mask_channels import MaskChannels

_Values: TypeAlias = npt.NDArray[Any]

_TRIMAP = (
    "masks of 0, a middle value and 255: if the middle one does not count, name it with --ignore-value",
)
_STEPPED = (
    "masks of a few values that rise in even steps, as votes do: if all but 0 is object, give --object-values "
    "1-255; if each value is an object, --mask-values instances",
)
_NO_LABELS = (
    "masks of several values that are not numbered from 1, all of them taken for the one object: if they are shades, "
    "give --object-values 128-255; if each value is an object, --mask-values instances",
)
_NAMED = ((0, 1), (0, 255), (0, 65535))


def by_levels(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Read one object from grey values that are exact.

    Raises:
        SampleError: no value is 0 and they do not fade, so that nothing tells the background.

    """
    values, ignored = channels.values, ignored_pixels(channels, reading)
    levels = np.unique(values[~ignored.pixels])
    has_fractions = values.dtype.kind == "f" and (levels != np.rint(levels)).any()
    if len(levels) > 2 and (has_fractions or fades(values, levels, ignored.pixels)):
        return thresholded(channels, reading, "soft edges")
    if is_stepped(values, levels, ignored.pixels):
        return thresholded(channels, reading, "a few values in even steps", _STEPPED)
    if len(levels) > 1 and 0 not in levels:
        raise ambiguous(f"values {listed(levels)}, none of them 0, which would be background: {SAY_WHICH}")
    doubts: tuple[str, ...] = ()
    if len(levels) <= 2:
        meaning = f"{_named(levels)}: what is not 0 is object"
    else:
        meaning = (
            "several values besides 0: all of them the one object (--mask-values instances: an object each)"
        )
        doubts = _doubts(channels, levels, ignored.pixels)
    return one_object(values != 0, ignored, meaning, doubts)


def listed(levels: _Values) -> str:
    """Write the first of some values."""
    shown = ", ".join(f"{level:g}" for level in levels[:4])
    return shown if len(levels) <= 4 else f"{shown}, ..."


def _named(levels: _Values) -> str:
    """Name the values that data sets share; ids that differ from file to file are one kind."""
    if tuple(levels) in _NAMED:
        return f"values {levels[0]:g} and {levels[1]:g}"
    if len(levels) == 2:
        return "values 0 and one other"
    return "one value everywhere"


def _doubts(channels: MaskChannels, levels: _Values, ignored: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    if len(levels) == 3 and levels[-1] == 255 and 64 <= levels[1] <= 192:
        return _TRIMAP
    return void_doubts(channels, ignored) or (() if are_numbered(levels) else _NO_LABELS)
