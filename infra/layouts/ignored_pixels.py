"""Which pixels of a mask count neither as object nor as background, and how that is said."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from infra.layouts.mask_reading import MaskPixels, MaskReading, ambiguous
from infra.layouts.object_values import hex_of, is_colour
from infra.shards.mask_channels import MaskChannels

_Values: TypeAlias = npt.NDArray[Any]

_VOID = (255, 65535)
_VOID_BESIDE_LABELS = (
    "masks in which {} stands beside other values and is object: if it is void, give --ignore-value {}"
)
_VOC_VOID = (224, 224, 192)
_VOC_VOID_COUNTS = (
    "colour masks with the colour of PASCAL VOC's void, which is object here: layout voc leaves it out, as does "
    "--object-values with the colours of objects"
)
_NO_VALUE_OF_LOSSY = "lossy masks, in which the layout's ignored value {} has no meaning: every pixel counts"
_NO_VALUE_OF_COLOURS = (
    "masks in colours, in which the layout's ignored value {} has no meaning: every pixel counts "
    "(--ignore-value: that grey does not)"
)


@dataclass(frozen=True)
class IgnoredPixels:
    """(H, W) bool, what the meaning of the mask says of it, and what a person should look at."""

    pixels: npt.NDArray[np.bool_]
    said: str = ""
    doubts: tuple[str, ...] = ()


def ignored_pixels(channels: MaskChannels, reading: MaskReading) -> IgnoredPixels:
    """Find the pixels that do not count: those of a value, and in colours those of that grey in all three channels.

    Raises:
        SampleError: the file is lossy, and a value is named.

    """
    value = reading.ignore_value
    if value is None:
        return IgnoredPixels(np.zeros(channels.values.shape, np.bool_))
    told = f"--ignore-value {value}" if reading.ignore_is_told else f"the layout's ignored value {value}"
    if channels.is_lossy and not reading.ignore_is_told and reading.object_values.are_given:
        return IgnoredPixels(
            np.zeros(channels.values.shape, np.bool_), doubts=(_NO_VALUE_OF_LOSSY.format(value),)
        )
    if channels.is_lossy:
        raise ambiguous(
            f"a lossy {channels.format} has no exact values, as {told} needs them: save the mask as PNG"
        )
    if channels.kind != "colours":
        return _said(channels.values == value, str(value), reading)
    if reading.ignore_is_told:
        return _said(is_colour(channels.colours, (value, value, value)), f"the grey {value}", reading)
    found = np.zeros(channels.values.shape, np.bool_)
    for colour in reading.void_colours:
        found |= is_colour(channels.colours, colour)
    if found.any():
        return _said(found, f"the void colour {hex_of(reading.void_colours[0])}", reading)
    return IgnoredPixels(found, doubts=(_NO_VALUE_OF_COLOURS.format(value),))


def _said(pixels: npt.NDArray[np.bool_], what: str, reading: MaskReading) -> IgnoredPixels:
    whose = (
        "--ignore-value" if reading.ignore_is_told else "usual in the layout, --ignore-value names another"
    )
    if pixels.any():
        return IgnoredPixels(pixels, f"; {what} does not count ({whose})")
    return IgnoredPixels(pixels, f"; no pixel is {what} ({whose})" if reading.ignore_is_told else "")


def void_doubts(channels: MaskChannels, ignored: npt.NDArray[np.bool_]) -> tuple[str, ...]:
    """Tell of pixels that count, and whose value or colour is what many data sets write for void."""
    if channels.kind == "colours":
        return (_VOC_VOID_COUNTS,) if (is_colour(channels.colours, _VOC_VOID) & ~ignored).any() else ()
    levels = np.unique(channels.values[~ignored])
    if np.count_nonzero(levels) < 2 or levels[-1] not in _VOID or levels[-1] - 1 in levels:
        return ()
    return (_VOID_BESIDE_LABELS.format(int(levels[-1]), int(levels[-1])),)


def one_object(
    found: npt.NDArray[np.bool_],
    ignored: IgnoredPixels,
    meaning: str,
    doubts: tuple[str, ...] = (),
) -> MaskPixels:
    """Make a mask of one object, that of the `found` pixels that count."""
    return MaskPixels(
        (found & ~ignored.pixels).astype(np.int64),
        ignored.pixels,
        meaning + ignored.said,
        doubts + ignored.doubts,
    )
