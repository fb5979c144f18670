"""What the values of a mask file mean: which pixels are object, and what a person is told of it.

The rules, in this order; whatever they do not settle is refused, never guessed:

1. `--object-values` says which values, colours or transparency are object; in lossy files and soft masks a value at an
   end of the range stands for its half.
2. Transparency counts if the colours do not tell (all alike, or those of a photograph). If both tell, they need to
   agree.
3. Colours: black is background, anything else object; without black nothing tells.
4. A palette stands for its indices, 0 being background, as PASCAL VOC has it; if another index is the black or
   transparent one, that is background.
5. Files of a lossy format, and soft masks (edges that fade, probabilities), are object from half of their range on.
6. Else 0 is background, and any other value object.

`--mask-values instances` has no use for rules 2, 3 and 5.
"""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from infra.errors import SampleError
from infra.layouts.mask_colours import MANY_COLOURS, by_colours, by_palette, num_colours
from infra.layouts.mask_instances import instances
from infra.layouts.mask_levels import by_levels
from infra.layouts.mask_reading import SAY_WHICH, MaskPixels, MaskReading, ambiguous
from infra.layouts.soft_mask import thresholded
from infra.layouts.told_objects import as_told, by_transparency
from infra.shards.mask_channels import OPAQUE_FROM, MaskChannels, open_mask

_AGREEMENT = 0.95  # IoU of colours and transparency that say the same, up to soft edges
_TURNED = {
    "upright": "; turned upright by their own EXIF orientation (--orientation stored: not)",
    "stored": "; their own EXIF orientation not applied, since --orientation is stored",
}
_FRAMES = "mask files of several frames or pages: the first was taken"


def read_mask(data: bytes, reading: MaskReading) -> MaskPixels:
    """Read a mask file.

    Raises:
        SampleError: it does not decode, or its values do not tell what is object.

    """
    channels = open_mask(data, reading.orientation)
    if channels.values.dtype.kind == "f" and not np.isfinite(channels.values).all():
        raise ambiguous("the mask has values that are no numbers (NaN or infinite)")
    if channels.values.min() < 0:
        raise ambiguous(
            f"the mask has values below 0, such as {channels.values.min():g}: write 0 for background"
        )
    mask = _understood(channels, reading)
    if channels.orientation != 1:
        mask = replace(mask, meaning=mask.meaning + _TURNED[reading.orientation])
    return replace(mask, doubts=(*mask.doubts, _FRAMES)) if channels.num_frames > 1 else mask


def _understood(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    if reading.object_values.are_given:
        return as_told(channels, reading)
    if reading.mask_values == "instances":
        return instances(channels, reading)
    if not channels.has_varying_alpha:
        return _binary(channels, reading)
    return _by_alpha_and_colours(channels, reading)


def _by_alpha_and_colours(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Rule 2, for one object."""
    by_alpha = by_transparency(
        channels, reading, "since transparency varies and the colours do not tell more"
    )
    if not 1 < num_colours(channels) <= MANY_COLOURS:
        return by_alpha
    try:
        by_colour = _binary(channels, reading)
    except SampleError:
        return by_alpha
    found, opaque = by_colour.values > 0, channels.alpha >= OPAQUE_FROM
    union = np.count_nonzero(found | opaque)
    if union and np.count_nonzero(found & opaque) < _AGREEMENT * union:
        raise ambiguous(
            f"colours and transparency of the mask disagree: {SAY_WHICH}: alpha, transparent or colours"
        )
    return by_colour


def _binary(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Rules 3 to 6, for one object."""
    if channels.is_lossy:
        return thresholded(channels, reading, f"lossy {channels.format}")
    if channels.kind == "colours":
        return by_colours(channels, reading)
    if channels.kind == "palette":
        return by_palette(channels, reading)
    return by_levels(channels, reading)
