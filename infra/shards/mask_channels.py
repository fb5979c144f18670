"""A mask file opened: its values, colours and transparency as they are stored, before anything is made of them."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any, Literal, TypeAlias

import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.errors import Reason, SampleError
from infra.shards.deep_values import has_deep_values, opencv_values, positive, unscaled
from infra.shards.exif_orientation import as_wanted, orientation_of
from infra.shards.image_file import MAX_PIXELS, has_alpha
from infra.shards.image_reading import Orientation
from infra.shards.no_image import what_is_no_image
from infra.shards.tiff_tags import read_tiff_tags

MaskKind: TypeAlias = Literal["grey", "palette", "colours"]

_LOSSY_FORMATS = {"JPEG", "MPO", "JPEG2000", "AVIF", "HEIF"}
_LOSSY_TIFF = {"jpeg", "tiff_jpeg", "webp"}
_GREY_MODES = {"L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
OPAQUE_FROM = 128
OPAQUE = 255
_NO_PALETTE = np.zeros((0, 3), np.uint8)
_NO_COLOURS = np.zeros((0, 0, 3), np.uint8)
_COLOUR_NOISE = 24  # what a lossy format makes of grey: channels that differ by less


@dataclass(frozen=True)
class MaskChannels:
    """The pixels of a mask file.

    kind: "grey" also for colour files whose channels are equal.
    values: (H, W) grey values, palette indices, or the largest of the three colour channels; integers or floats.
    palette: (N, 3) uint8, the colour of each palette index; empty unless `kind` is "palette".
    colours: (H, W, 3) uint8 or uint16, empty unless `kind` is "colours".
    alpha: (H, W) uint8, 255 is opaque; all 255 if the file has no transparency.
    format: of the file, as Pillow calls it.
    num_frames: frames or pages of the file, of which this is the first.
    is_lossy: whether the compression of the file changes values.
    orientation: of the file, 1 to 8; the pixels are as `open_mask` was asked.
    """

    kind: MaskKind
    values: npt.NDArray[Any]
    palette: npt.NDArray[np.uint8]
    colours: npt.NDArray[Any]
    alpha: npt.NDArray[np.uint8]
    format: str
    num_frames: int
    is_lossy: bool
    orientation: int = 1

    @property
    def has_varying_alpha(self) -> bool:
        """Whether some pixels are more transparent than others; else transparency says nothing."""
        return bool((self.alpha != self.alpha.flat[0]).any())


def open_mask(data: bytes, orientation: Orientation) -> MaskChannels:
    """Open a mask file; with "upright" it is turned by an EXIF orientation of its own, as viewers turn it.

    Raises:
        SampleError: the bytes are no image, one that is cut off, or one of more than `MAX_PIXELS`.

    """
    channels, turn = _opened(data)
    come_upright = channels.format == "TIFF"
    values, alpha, colours = (
        as_wanted(pixels, turn, orientation, come_upright=come_upright)
        for pixels in (channels.values, channels.alpha, channels.colours)
    )
    return replace(channels, values=values, alpha=alpha, colours=colours, orientation=turn)


def _opened(data: bytes) -> tuple[MaskChannels, int]:
    """Return the channels as decoders give them, and the orientation of the file."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            _check_size(image.height, image.width)
            return _channels(image, data), orientation_of(image, data)
    except SampleError:
        raise
    except Exception:  # broken tags and tables make Pillow's parsers raise almost anything
        tags = read_tiff_tags(data)
        if tags is not None:
            _check_size(tags.height, tags.width)
            values = opencv_values(data)
            if values is not None and values.ndim == 2:
                return _only_values(values, "TIFF"), tags.orientation
        raise SampleError(
            Reason.UNDECODABLE_MASK, f"the mask does not decode: {what_is_no_image(data)}"
        ) from None


def _check_size(height: int, width: int) -> None:
    if height * width > MAX_PIXELS:
        raise SampleError(
            Reason.IMAGE_TOO_LARGE, f"a mask of {height} x {width} pixels; the limit is {MAX_PIXELS}"
        )


def _only_values(values: npt.NDArray[Any], image_format: str) -> MaskChannels:
    return MaskChannels(
        kind="grey",
        values=values if values.dtype.kind == "f" else values.astype(np.int64),
        palette=_NO_PALETTE,
        colours=_NO_COLOURS,
        alpha=np.full(values.shape, OPAQUE, np.uint8),
        format=image_format,
        num_frames=1,
        is_lossy=False,
    )


def _channels(image: Image.Image, data: bytes) -> MaskChannels:
    is_lossy = _is_lossy(image, data)
    num_frames = getattr(image, "n_frames", 1)
    kind: MaskKind = "grey"
    palette, colours = _NO_PALETTE, _NO_COLOURS
    alpha: npt.NDArray[np.uint8] = np.full((image.height, image.width), OPAQUE, np.uint8)
    if has_alpha(image):
        alpha = np.asarray(image.convert("RGBA"))[:, :, 3]
    if image.mode in {"P", "PA"}:
        kind, values = "palette", np.asarray(image.getchannel(0)).astype(np.int32)
        listed = np.asarray(image.getpalette("RGB"), np.uint8).reshape(-1, 3)
        palette = np.zeros((256, 3), np.uint8)
        palette[: len(listed)] = listed
    elif image.mode == "1":
        values = np.asarray(image).astype(np.int32)
    elif image.mode in _GREY_MODES:
        values = np.asarray(image.getchannel(0)) if image.mode in {"LA", "La"} else np.asarray(image)
        values = _as_stored(values, image, data)
    else:
        found = _deep_colours(image, data)
        values = found.max(axis=2).astype(np.int64)
        if (values - found.min(axis=2) > (_COLOUR_NOISE if is_lossy else 0)).any():
            kind, colours = "colours", found
        else:
            values = _as_stored(values, image, data)
    return MaskChannels(
        kind=kind,
        values=values,
        palette=palette,
        colours=colours,
        alpha=alpha,
        format=image.format or "",
        num_frames=num_frames,
        is_lossy=is_lossy,
    )


def _as_stored(values: npt.NDArray[Any], image: Image.Image, data: bytes) -> npt.NDArray[Any]:
    tags = read_tiff_tags(data)
    values = unscaled(values if tags is None else positive(values, tags), image, data)
    return values if values.dtype.kind == "f" else values.astype(np.int64)


def _deep_colours(image: Image.Image, data: bytes) -> npt.NDArray[Any]:
    """Return (H, W, 3) colours; those of 16 bits whole, of which Pillow keeps the upper byte only."""
    if has_deep_values(image, data):
        pixels = opencv_values(data)
        if pixels is not None and pixels.ndim == 3:
            return np.ascontiguousarray(pixels[:, :, 2::-1])
    return np.asarray(image.convert("RGB"))


def _is_lossy(image: Image.Image, data: bytes) -> bool:
    if image.format == "WEBP":
        return data[12:16] == b"VP8 " or (data[12:16] == b"VP8X" and b"VP8L" not in data)
    if image.format == "TIFF":
        return image.info.get("compression") in _LOSSY_TIFF
    return image.format in _LOSSY_FORMATS
