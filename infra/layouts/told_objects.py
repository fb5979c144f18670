"""Masks of which a person said what is object: `--object-values`."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from infra.errors import Reason, SampleError
from infra.layouts.fading import FULL_RANGES, fades
from infra.layouts.ignored_pixels import ignored_pixels, one_object
from infra.layouts.mask_colours import with_greys
from infra.layouts.mask_instances import instances
from infra.layouts.mask_levels import listed
from infra.layouts.mask_reading import MaskPixels, MaskReading, ambiguous
from infra.layouts.object_values import ObjectValues
from infra.layouts.soft_mask import end_of_range, unsure_doubts
from infra.shards.mask_channels import OPAQUE_FROM, MaskChannels

_Values: TypeAlias = npt.NDArray[Any]
_Bools: TypeAlias = npt.NDArray[np.bool_]

_NEAR_AN_END = 1 / 8  # of the range: how far compression and soft edges move values


def as_told(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Read what `--object-values` names.

    Raises:
        SampleError: the mask has nothing of it, or not in a way that can be told.

    """
    told = reading.object_values
    if told.by_transparency:
        return by_transparency(channels, reading, f"as --object-values {told} says")
    if told.ranges and channels.kind == "colours":
        remedy = "save the mask as PNG, in grey" if channels.is_lossy else "name some, such as #ff0000"
        raise ambiguous(f"--object-values {told}, and the mask is in colours: {remedy}")
    if told.colours and channels.is_lossy:
        raise ambiguous(
            f"a lossy {channels.format} has no exact colours, as --object-values {told} needs them: save the mask as "
            "PNG"
        )
    meaning = f"{told}, as --object-values says; all else is background"
    if reading.mask_values == "instances":
        whole = instances(channels, replace(reading, object_values=ObjectValues()))
        found = _exactly(channels, told)
        _check_found(found, whole.ignored, channels, told)
        values = np.where(found, whole.values, 0)
        return replace(whole, values=values, meaning=f"an object each: {meaning}")
    channels = with_greys(channels)
    ignored = ignored_pixels(channels, reading)
    levels = np.unique(channels.values[~ignored.pixels])
    is_soft = bool({*levels[-1:].tolist()} & {*FULL_RANGES}) and fades(
        channels.values, levels, ignored.pixels
    )
    if told.ranges and not told.colours and channels.kind == "grey" and (channels.is_lossy or is_soft):
        sided = _by_sides(channels, reading)
        if sided is not None:
            return sided
    found = _exactly(channels, told)
    _check_found(found, ignored.pixels, channels, told)
    return one_object(found, ignored, meaning)


def by_transparency(channels: MaskChannels, reading: MaskReading, why: str) -> MaskPixels:
    """Read what is opaque, or transparent if a person says so.

    Raises:
        SampleError: transparency does not vary, or no pixel is more than half opaque.

    """
    told = reading.object_values
    if not channels.has_varying_alpha:
        raise ambiguous(f"--object-values {told}, and the mask has no transparency that varies")
    opaque = channels.alpha >= OPAQUE_FROM
    if not opaque.any():
        raise ambiguous(
            "transparency would tell what is object, and no pixel is opaque: the most opaque one has "
            f"{channels.alpha.max()} of 255, less than half; paint objects in full"
        )
    found, what = (~opaque, "transparent") if told.transparent else (opaque, "opaque")
    return one_object(found, ignored_pixels(channels, reading), f"what is {what} is object, {why}")


def _exactly(channels: MaskChannels, told: ObjectValues) -> _Bools:
    return told.of_values(channels.values) | told.of_colours(_rgb(channels))


def _rgb(channels: MaskChannels) -> _Values:
    if channels.kind == "palette":
        return np.asarray(channels.palette[channels.values])
    if channels.kind == "colours":
        return channels.colours
    return np.broadcast_to(channels.values[:, :, None], (*channels.values.shape, 3))


def _check_found(found: _Bools, ignored: _Bools, channels: MaskChannels, told: ObjectValues) -> None:
    if (found & ~ignored).any():
        return
    present = "other colours" if channels.kind == "colours" else listed(np.unique(channels.values))
    raise SampleError(
        Reason.EMPTY_OBJECT, f"no pixel of the mask has --object-values {told}: it has {present}"
    )


def _by_sides(channels: MaskChannels, reading: MaskReading) -> MaskPixels | None:
    """Let values stand for their side, since compression and soft edges moved them.

    A range needs to reach an end, 0 or the largest value. If its other bound is near an end, half of the range takes
    its place; else that bound is meant. None: a range of a lossless file reaches no end, and is exact.
    """
    told, ignored = reading.object_values, ignored_pixels(channels, reading)
    values = np.where(ignored.pixels, 0, channels.values)
    what = f"lossy {channels.format}" if channels.is_lossy else "soft edges"
    full = end_of_range(values, what, is_lossy=channels.is_lossy)
    near = _NEAR_AN_END * full
    found = np.zeros(values.shape, np.bool_)
    for first, last in told.ranges:
        reaches_top = last >= full - near and last > full / 2
        if first == 0 and last < full:
            found |= values < (last + 1 if last + 1 < full - near and last >= near else full / 2)
        elif reaches_top:
            found |= values >= (first if first == 0 or near < first < full - near else full / 2)
        elif channels.is_lossy:
            raise ambiguous(
                f"{what} has no exact values, and --object-values {told} needs them: name a range from 0 on, or one "
                f"that reaches the largest value, {full:g}, such as 128-255; or save the mask as PNG"
            )
        else:
            return None
    doubts = unsure_doubts(values, found, full)
    meaning = f"{what}: {told}, as --object-values says; a value at an end of the range stands for its half"
    return one_object(found, ignored, meaning, doubts)
