"""What the values of a mask file mean: which pixels are object, and what a person is told of it.

The rules, in this order; whatever they do not settle is refused, never guessed:

1. `--object-values` says which values, colours or transparency are object.
2. Transparency counts if the colours do not tell (all alike, or those of a photograph). If both tell, they need to
   agree.
3. Colours: black is background, anything else object; without black nothing tells.
4. A palette stands for its indices, 0 being background, as PASCAL VOC has it; if another index is the black or
   transparent one, that is background.
5. Files of a lossy format, and soft masks (edges that fade, probabilities), are object from half of their range on.
6. Else 0 is background, and any other value object.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt

from infra.errors import Reason, SampleError
from infra.layouts.mask_channels import MaskChannels, open_mask
from infra.layouts.object_values import ObjectValues
from infra.layouts.soft_mask import half_of_range, is_soft
from infra.shards.image_file import Orientation

if TYPE_CHECKING:
    from infra.layouts.layout import LayoutOptions

_Values: TypeAlias = npt.NDArray[Any]
_Bools: TypeAlias = npt.NDArray[np.bool_]

_OPAQUE_FROM = 128
_MANY_COLOURS = 64  # shades of a soft edge in colour; a person draws with fewer
_AGREEMENT = 0.95  # IoU of colours and transparency that say the same, up to soft edges
_TRIMAP = (
    "masks of 0, a middle value and 255: if the middle one does not count, name it with --ignore-value",
)
_FRAMES = "mask files of several frames or pages: the first was taken"
_SAY_WHICH = "say what is object with --object-values"


@dataclass(frozen=True)
class MaskReading:
    """How mask files are understood: see `LayoutOptions` for the first three. `ignore_value` -1: every pixel counts."""

    mask_values: Literal["binary", "instances"] = "binary"
    ignore_value: int = -1
    object_values: ObjectValues = field(default_factory=ObjectValues)
    orientation: Orientation = "upright"

    @classmethod
    def of(
        cls, options: LayoutOptions, mask_values: Literal["binary", "instances"], ignore_value: int = -1
    ) -> MaskReading:
        """Take what a person chose, and for the rest what is usual in the layout."""
        return cls(
            mask_values=options.mask_values or mask_values,
            ignore_value=ignore_value if options.ignore_value is None else options.ignore_value,
            object_values=options.object_values,
            orientation=options.images.orientation,
        )


@dataclass(frozen=True)
class MaskPixels:
    """A mask understood.

    values: (H, W) integers: 0 is background, any other value the object of that name; 1 if there is one object.
    ignored: (H, W) bool: pixels that count neither as object nor as background; `values` is 0 there.
    meaning: one sentence on what was taken for object, the same for all files of a kind.
    doubts: sentences on what a person should look at.
    """

    values: npt.NDArray[np.int64]
    ignored: _Bools
    meaning: str
    doubts: tuple[str, ...] = ()


def read_mask(data: bytes, reading: MaskReading) -> MaskPixels:
    """Read a mask file.

    Raises:
        SampleError: it does not decode, or its values do not tell what is object.

    """
    channels = open_mask(data, reading.orientation)
    if channels.values.dtype.kind == "f" and not np.isfinite(channels.values).all():
        raise _ambiguous("the mask has values that are no numbers (NaN or infinite)")
    if channels.values.min() < 0:
        raise _ambiguous(
            f"the mask has values below 0, such as {channels.values.min():g}: write 0 for background"
        )
    mask = _understood(channels, reading)
    return replace(mask, doubts=(*mask.doubts, _FRAMES)) if channels.num_frames > 1 else mask


def _understood(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    if reading.object_values.are_given:
        return _as_told(channels, reading)
    if reading.mask_values == "instances":
        return _instances(channels, reading)
    if not channels.has_varying_alpha:
        return _binary(channels, reading)
    return _by_transparency(channels, reading)


def _ambiguous(detail: str) -> SampleError:
    return SampleError(Reason.AMBIGUOUS_MASK, detail)


def _as_told(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    told = reading.object_values
    if told.alpha:
        if not channels.has_varying_alpha:
            raise _ambiguous("--object-values alpha, and the mask has no transparency that varies")
        return _one_object(
            channels.alpha >= _OPAQUE_FROM,
            channels,
            reading,
            "what is opaque is object, as --object-values alpha says",
        )
    if told.ranges and channels.kind == "colours":
        raise _ambiguous(f"--object-values {told}, and the mask is in colours: name some, such as #ff0000")
    if told.colours and channels.is_lossy:
        raise _ambiguous(
            f"a lossy {channels.format} has no exact colours, as --object-values {told} needs them"
        )
    found = told.of_values(channels.values) | told.of_colours(_rgb(channels))
    meaning = f"{told}, as --object-values says; all else is background"
    if reading.mask_values == "binary":
        return _one_object(found, channels, reading, meaning)
    instances = _instances(channels, replace(reading, object_values=ObjectValues()))
    return replace(
        instances, values=np.where(found, instances.values, 0), meaning=f"an object each: {meaning}"
    )


def _rgb(channels: MaskChannels) -> _Values:
    if channels.kind == "palette":
        return np.asarray(channels.palette[channels.values])
    if channels.kind == "colours":
        return channels.colours
    return np.broadcast_to(channels.values[:, :, None], (*channels.values.shape, 3))


def _one_object(
    found: _Bools, channels: MaskChannels, reading: MaskReading, meaning: str, doubts: tuple[str, ...] = ()
) -> MaskPixels:
    ignored = _ignored(channels, reading)
    values = (found & ~ignored).astype(np.int64)
    return MaskPixels(values, ignored, meaning, doubts)


def _ignored(channels: MaskChannels, reading: MaskReading) -> _Bools:
    if channels.is_lossy and reading.ignore_value >= 0:
        raise _ambiguous(
            f"a lossy {channels.format} has no exact values, as --ignore-value {reading.ignore_value} needs them"
        )
    return np.asarray(channels.values == reading.ignore_value)


def _by_transparency(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Rule 2, for one object."""
    opaque = channels.alpha >= _OPAQUE_FROM
    by_alpha = _one_object(
        opaque, channels, reading, "colours that do not tell, with transparency: what is opaque is object"
    )
    if not 1 < _num_colours(channels) <= _MANY_COLOURS:
        return by_alpha
    try:
        by_colour = _binary(channels, reading)
    except SampleError:
        return by_alpha
    found = by_colour.values > 0
    union = np.count_nonzero(found | opaque)
    if union and np.count_nonzero(found & opaque) < _AGREEMENT * union:
        raise _ambiguous(f"colours and transparency of the mask disagree: {_SAY_WHICH}, alpha or colours")
    return by_colour


def _instances(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    if channels.is_lossy:
        raise _ambiguous(
            f"a lossy {channels.format} mixes the values of instances at their borders: save the masks as PNG"
        )
    if channels.kind == "colours":
        raise _ambiguous(
            "the mask is in colours, and instances need one grey value or palette index an object: save it so, or "
            "give --mask-values binary"
        )
    values = channels.values
    if values.dtype.kind == "f" and (values != np.rint(values)).any():
        raise _ambiguous(
            "the mask has fractions, and instances need whole numbers: give --mask-values binary"
        )
    if values.min() < 0:
        raise _ambiguous(
            f"the mask has values below 0, such as {values.min():g}: instances are numbered from 1"
        )
    meaning = "every value but 0 is an object of its own"
    background = 0
    if channels.kind == "palette":
        background = _background_index(channels)
        meaning = _palette_meaning(background, "every other index is an object of its own", meaning)
    ignored = _ignored(channels, reading)
    levels = np.unique(values[~ignored])
    if is_soft(values, levels, ignored):
        raise _ambiguous(
            f"the mask has {len(levels)} values that fade into each other, which are no instances: give "
            "--mask-values binary"
        )
    if channels.has_varying_alpha and (values[channels.alpha < _OPAQUE_FROM] != background).any():
        raise _ambiguous(f"transparent pixels of the mask have values of objects: {_SAY_WHICH}")
    doubts = () if background in levels else ("masks without background: no pixel is 0",)
    objects = np.where(ignored | (values == background), 0, values).astype(np.int64)
    if background != 0:
        objects[(values == 0) & ~ignored] = (
            256  # index 0 is an object here, and 0 is the name of the background
        )
    return MaskPixels(objects, ignored, meaning, doubts)


def _binary(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Rules 3 to 6, for one object."""
    if channels.is_lossy:
        return _thresholded(channels, reading, f"lossy {channels.format}")
    if channels.kind == "colours":
        return _by_colours(channels, reading)
    if channels.kind == "palette":
        return _by_palette(channels, reading)
    return _by_levels(channels, reading)


def _num_colours(channels: MaskChannels) -> int:
    if channels.kind != "colours":
        return len(np.unique(channels.values))
    colours = channels.colours.astype(np.int64)
    return len(np.unique((colours[:, :, 0] << 32) | (colours[:, :, 1] << 16) | colours[:, :, 2]))


def _by_colours(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    num_colours = _num_colours(channels)
    if num_colours > _MANY_COLOURS:
        return _thresholded(channels, reading, "many shades of colour")
    if channels.values.min() != 0:
        raise _ambiguous(
            f"{num_colours} colours, such as {_hex(channels.colours[0, 0])}, none of them black, which would be "
            f"background: {_SAY_WHICH} '#rrggbb'"
        )
    meaning = "black and one colour: the colour is object"
    if num_colours > 2:
        meaning = "black and several colours: all but black is the one object"
    return _one_object(channels.values != 0, channels, reading, meaning)


def _hex(colour: _Values) -> str:
    return "#" + bytes(int(channel) & 255 for channel in colour).hex()


def _by_palette(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    used = np.unique(channels.values)
    shades = channels.palette[used]
    is_grey = bool((shades == shades[:, :1]).all())
    if is_grey and len(used) > 2:
        grey = replace(
            channels, kind="grey", values=channels.palette[channels.values][:, :, 0].astype(np.int64)
        )
        levels = np.unique(grey.values)
        if is_soft(grey.values, levels, np.zeros(grey.values.shape, np.bool_)):
            return _by_levels(grey, reading)
    background = _background_index(channels)
    if len(used) > 1 and background not in used:
        raise _ambiguous(
            f"palette indices {_listed(used)}, none of them 0 or black, which would be background: {_SAY_WHICH}"
        )
    others = len(used) - (background in used)
    rest = "the other index is object" if others <= 1 else "all other indices are the one object"
    meaning = _palette_meaning(background, rest, f"palette index 0 is background, {rest}")
    return _one_object(channels.values != background, channels, reading, meaning)


def _background_index(channels: MaskChannels) -> int:
    """Rule 4: 0, unless exactly one other index that is used is black or transparent, and 0 is neither."""
    used = np.unique(channels.values)
    empty = [
        int(index) for index in used if not channels.palette[index].any() or _is_transparent(channels, index)
    ]
    return empty[0] if len(empty) == 1 else 0


def _is_transparent(channels: MaskChannels, index: int) -> bool:
    return bool((channels.alpha[channels.values == index] < _OPAQUE_FROM).all())


def _palette_meaning(background: int, rest: str, usual: str) -> str:
    if background == 0:
        return usual
    return f"palette index {background} is the black or transparent one: background, {rest}"


def _by_levels(channels: MaskChannels, reading: MaskReading) -> MaskPixels:
    """Rules 5 and 6, for grey values that are exact."""
    values, ignored = channels.values, _ignored(channels, reading)
    levels = np.unique(values[~ignored])
    has_fractions = values.dtype.kind == "f" and (levels != np.rint(levels)).any()
    if len(levels) > 2 and (has_fractions or is_soft(values, levels, ignored)):
        return _thresholded(channels, reading, "soft edges")
    if len(levels) > 1 and 0 not in levels:
        raise _ambiguous(f"values {_listed(levels)}, none of them 0, which would be background: {_SAY_WHICH}")
    doubts: tuple[str, ...] = ()
    if len(levels) <= 2:
        meaning = f"values {' and '.join(f'{level:g}' for level in levels)}: what is not 0 is object"
    else:
        meaning = (
            "several values besides 0: all of them the one object (--mask-values instances: an object each)"
        )
        doubts = _TRIMAP if _is_trimap(levels) else ()
    return _one_object(values != 0, channels, reading, meaning, doubts)


def _is_trimap(levels: _Values) -> bool:
    """Tell 0, about 128 and 255: background, what nobody is sure of, and object."""
    return len(levels) == 3 and levels[-1] == 255 and 64 <= levels[1] <= 192


def _listed(levels: _Values) -> str:
    shown = ", ".join(f"{level:g}" for level in levels[:4])
    return shown if len(levels) <= 4 else f"{shown}, ..."


def _thresholded(channels: MaskChannels, reading: MaskReading, what: str) -> MaskPixels:
    """Rule 5."""
    ignored = _ignored(channels, reading)
    half = half_of_range(np.where(ignored, 0, channels.values), what, is_lossy=channels.is_lossy)
    return _one_object(channels.values >= half.threshold, channels, reading, half.meaning, half.doubts)
