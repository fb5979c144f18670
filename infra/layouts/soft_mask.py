"""Masks whose values fade: soft edges, probabilities, and what a lossy format leaves of two values."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import numpy.typing as npt

from infra.layouts.ignored_pixels import ignored_pixels, one_object
from infra.layouts.mask_reading import MaskPixels, MaskReading, ambiguous
from infra.shards.mask_channels import MaskChannels

_Values: TypeAlias = npt.NDArray[Any]

_LEAST_LOSSY_RANGE = 32  # below it a lossy file keeps nothing of the values
_PHOTOGRAPH_SHARE = 1 / 3  # of all pixels in the middle of the range: no mask has that many
_PLATEAU_SHARE = 0.25  # of the object's pixels: so many have the value of a full object
_UNSURE_SHARE = 0.2  # of the object's pixels
_UNSURE = "masks of which many pixels are neither near 0 nor near the largest value"


def thresholded(
    channels: MaskChannels, reading: MaskReading, what: str, doubts: tuple[str, ...] = ()
) -> MaskPixels:
    """Take what is bright for object, from half of the range on.

    Args:
        channels: the mask.
        reading: says what does not count.
        what: the kind of file, for the sentences.
        doubts: what a person should look at anyway.

    Raises:
        SampleError: the values are not those of one object: a photograph's, or too small to be told apart.

    """
    ignored = ignored_pixels(channels, reading)
    values = np.where(ignored.pixels, 0, channels.values)
    largest = float(values.max())
    full = end_of_range(values, what, is_lossy=channels.is_lossy)
    middle = _num_in_the_middle(values, full)
    if middle > _PHOTOGRAPH_SHARE * values.size or (largest > 0 and values.min() > full / 2):
        raise ambiguous(
            f"{what}: {middle / values.size:.0%} of the pixels lie in the middle of the range, as in a photograph, "
            "or none is dark: this is no mask of one object; say what is object with --object-values, such as 128-255"
        )
    found = channels.values >= full / 2 if largest > 0 else np.zeros(values.shape, np.bool_)
    half = f"half of {full:g}" if full in {1.0, 255.0} else "half of the largest value"
    doubts += () if doubts else unsure_doubts(values, found, full)
    return one_object(found, ignored, f"{what}: object from {half} on", doubts)


def unsure_doubts(values: _Values, found: npt.NDArray[np.bool_], full: float) -> tuple[str, ...]:
    """Tell of a mask of which many pixels are neither object nor background for sure."""
    is_unsure = _num_in_the_middle(values, full) > _UNSURE_SHARE * max(int(np.count_nonzero(found)), 1)
    return (_UNSURE,) if is_unsure else ()


def end_of_range(values: _Values, what: str, *, is_lossy: bool) -> float:
    """Return where the range of a mask ends: at 1 or 255, or at its largest value.

    It is the largest if many pixels have it, as those of an object with soft edges do, if the file is lossy, or if it
    is beyond 255.

    Args:
        values: (H, W), 0 where pixels do not count.
        what: the kind of file, for the sentences.
        is_lossy: whether the file's format changes values.

    Raises:
        SampleError: the range of a lossy file is too small.

    """
    largest = float(values.max())
    if is_lossy and 0 < largest < _LEAST_LOSSY_RANGE:
        raise ambiguous(
            f"{what}, whose largest value is {largest:g}: too small to tell object from compression; save it as PNG"
        )
    full = next((full for full in (1.0, 255.0) if largest <= full), largest)
    num_bright = np.count_nonzero(values >= largest / 2)
    has_plateau = np.count_nonzero(values == largest) >= _PLATEAU_SHARE * num_bright
    return largest if is_lossy or has_plateau or largest < full / 2 else full


def _num_in_the_middle(values: _Values, full: float) -> int:
    return int(np.count_nonzero((values > full / 4) & (values < 3 * full / 4)))
