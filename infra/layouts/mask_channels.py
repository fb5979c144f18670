"""A mask file opened: its values, colours and transparency as they are stored, before anything is made of them."""

from __future__ import annotations

import io
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.errors import Reason, SampleError
from infra.shards.exif_orientation import orientation_of, turned_upright
from infra.shards.image_file import MAX_PIXELS, Orientation, has_alpha, has_deep_values, what_is_no_image

MaskKind: TypeAlias = Literal["grey", "palette", "colours"]

_LOSSY_FORMATS = {"JPEG", "MPO", "JPEG2000", "AVIF", "HEIF"}
_LOSSY_TIFF = {"jpeg", "tiff_jpeg", "webp"}
_GREY_MODES = {"L", "LA", "La", "I", "F", "I;16", "I;16B", "I;16L", "I;16N"}
_OPAQUE = 255


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
    """

    kind: MaskKind
    values: npt.NDArray[Any]
    palette: npt.NDArray[np.uint8]
    colours: npt.NDArray[Any]
    alpha: npt.NDArray[np.uint8]
    format: str
    num_frames: int
    is_lossy: bool

    @property
    def has_varying_alpha(self) -> bool:
        """Whether some pixels are more transparent than others; else transparency says nothing."""
        return bool((self.alpha != self.alpha.flat[0]).any())


def open_mask(data: bytes, orientation: Orientation) -> MaskChannels:
    """Open a mask file; with "upright" it is turned by an EXIF orientation of its own, as viewers turn it.

    Raises:
        SampleError: the bytes are no image, one that is cut off, or one of more than `MAX_PIXELS`.

    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SampleError(Reason.IMAGE_TOO_LARGE, f"a mask of {image.height} x {image.width} pixels")
            is_lossy = _is_lossy(image, data)
            turn = orientation_of(image) if orientation == "upright" else 1
            return _channels(image, data, is_lossy, turn)
    except SampleError:
        raise
    except Exception:  # broken tags and tables make Pillow's parsers raise almost anything
        raise SampleError(
            Reason.UNDECODABLE_MASK, f"the mask does not decode: {what_is_no_image(data)}"
        ) from None


def _channels(image: Image.Image, data: bytes, is_lossy: bool, turn: int) -> MaskChannels:
    kind: MaskKind = "grey"
    palette, colours = np.zeros((0, 3), np.uint8), np.zeros((0, 0, 3), np.uint8)
    alpha: npt.NDArray[np.uint8] = np.full((image.height, image.width), _OPAQUE, np.uint8)
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
        values = values if values.dtype.kind == "f" else values.astype(np.int64)
    else:
        colours = _deep_colours(image, data)
        values = colours.max(axis=2).astype(np.int64)
        if (colours == colours[:, :, :1]).all():
            colours = np.zeros((0, 0, 3), np.uint8)
        else:
            kind, colours = "colours", turned_upright(colours, turn)
    return MaskChannels(
        kind=kind,
        values=turned_upright(values, turn),
        palette=palette,
        colours=colours,
        alpha=turned_upright(alpha, turn),
        format=image.format or "",
        num_frames=getattr(image, "n_frames", 1),
        is_lossy=is_lossy,
    )


def _deep_colours(image: Image.Image, data: bytes) -> npt.NDArray[Any]:
    """Return (H, W, 3) colours; those of 16 bits whole, of which Pillow keeps the upper byte only."""
    if has_deep_values(image, data):
        pixels = cv2.imdecode(
            np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED | cv2.IMREAD_IGNORE_ORIENTATION
        )
        if pixels is not None and pixels.ndim == 3:
            return np.ascontiguousarray(pixels[:, :, 2::-1])
    return np.asarray(image.convert("RGB"))


def _is_lossy(image: Image.Image, data: bytes) -> bool:
    if image.format == "WEBP":
        return data[12:16] == b"VP8 " or (data[12:16] == b"VP8X" and b"VP8L" not in data)
    if image.format == "TIFF":
        return image.info.get("compression") in _LOSSY_TIFF
    return image.format in _LOSSY_FORMATS
