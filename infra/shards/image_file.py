"""Image files: what of them goes into a shard, and their pixels as a person sees them (8-bit RGB, upright)."""

from __future__ import annotations

import io
import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.errors import Reason, SampleError
from infra.shards.deep_values import (
    DEEP_MODES,
    has_deep_values,
    opencv_values,
    pnm_maxval,
    unscaled,
)
from infra.shards.exif_orientation import (
    as_wanted,
    jpeg_as_stored,
    orientation_of,
    upright_size,
)
from infra.shards.image_reading import ImageReading
from infra.shards.no_image import READS_HEIC, what_does_not_decode, what_is_no_image
from infra.shards.tiff_tags import read_tiff_tags
from infra.shards.white_point import white_point_of

Extension: TypeAlias = Literal["jpg", "png", "webp"]

MAX_PIXELS = 2**28  # 0.8 GB decoded: what keeps one strange file from taking a worker's memory
_JPEGS = ("JPEG", "MPO")
_EXTENSION_OF_FORMAT: Mapping[str, Extension] = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}
_FLAGS_OF_REDUCTION = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_ROWS_AT_ONCE = 512
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit is a warning, which threads cannot catch one by one
# the warnings of both go to stderr without the name of a file, and what does not decode has a record anyway
warnings.filterwarnings("ignore", category=UserWarning, module=r"PIL\.")
cv2.utils.logging.setLogLevel(cv2.utils.logging.LOG_LEVEL_SILENT)
if READS_HEIC:
    import pillow_heif

    pillow_heif.register_heif_opener()


@dataclass(frozen=True)
class StoredImage:
    """Encoded bytes as a shard keeps them, and the size of the upright image in pixels.

    `is_turned`: an EXIF orientation was applied. `remarks` say what of the file was reinterpreted or dropped, one
    sentence each.
    """

    data: bytes
    extension: Extension
    height: int
    width: int
    is_turned: bool = False
    remarks: tuple[str, ...] = ()


AS_SEEN = ImageReading()


def stored_image(data: bytes, reading: ImageReading = AS_SEEN) -> StoredImage:
    """Keep 8-bit JPEG, PNG and WebP as they are, whatever their file was called; turn anything else into PNG.

    Only the header of the first three is read: a file that breaks further on shows when it is decoded.

    Raises:
        SampleError: the bytes are no image, or one of more than `MAX_PIXELS`.

    """
    header = _read_header(data)
    remarks = list(header.remarks)
    is_turned = header.orientation != 1 and reading.orientation == "upright"
    is_kept = header.format in _EXTENSION_OF_FORMAT and not header.is_deep
    if header.orientation != 1:
        remarks.append(_TURNED if is_turned else _NOT_TURNED)
        if not is_turned and header.format in _JPEGS:
            data = jpeg_as_stored(data)
            header = _read_header(data)
        is_kept = is_kept and (is_turned or header.orientation == 1)
    if is_kept:
        extension = _EXTENSION_OF_FORMAT[header.format]
        return StoredImage(data, extension, *header.size, is_turned, tuple(remarks))
    pixels, scaled = _decode(data, header, 1, reading)
    remarks += [scaled] if scaled else []
    encoded = cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()
    return StoredImage(encoded, "png", pixels.shape[0], pixels.shape[1], is_turned, tuple(remarks))


def decode_image(data: bytes, reduction: int = 1) -> npt.NDArray[np.uint8]:
    """Decode an image into (H, W, 3) uint8 RGB, turned upright by its EXIF orientation.

    Values of more than 8 bits are scaled as `ImageReading.white` says, transparency is dropped, of an animation the
    first frame counts. `reduction` 2, 4 or 8 gives (ceil(H / reduction), ceil(W / reduction), 3): a JPEG is decoded
    at that size, an image of any other format whole, and then each block of so many pixels a side becomes its mean.

    Raises:
        SampleError: the bytes are no image, one that is cut off, or one of more than `MAX_PIXELS`.

    """
    return _decode(data, _read_header(data), reduction, AS_SEEN)[0]


_TURNED = "turned upright by the EXIF orientation, as viewers show them (--orientation stored: not)"
_NOT_TURNED = "EXIF orientation not applied, since --orientation is stored"
_NO_ALPHA = "transparency of images dropped"
_FIRST_FRAME = "files of several frames or pages: the first was taken"


@dataclass(frozen=True)
class _Header:
    format: str
    height: int  # as stored
    width: int
    orientation: int
    is_deep: bool  # other values than 0 to 255
    remarks: tuple[str, ...]

    @property
    def size(self) -> tuple[int, int]:
        return upright_size(self.height, self.width, self.orientation)


def _read_header(data: bytes) -> _Header:
    header = _pillow_header(data) or _tiff_header(data)
    if header is None:
        raise SampleError(Reason.UNDECODABLE_IMAGE, what_is_no_image(data))
    if header.height * header.width > MAX_PIXELS:
        raise SampleError(
            Reason.IMAGE_TOO_LARGE,
            f"{header.height} x {header.width} pixels; the limit is {MAX_PIXELS}: scale it down first",
        )
    return header


def _pillow_header(data: bytes) -> _Header | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            image_format = image.format or ""
            is_deep = has_deep_values(image, data) or pnm_maxval(data) not in {None, 255}
            remarks = [_NO_ALPHA] if has_alpha(image) else []
            # phones write MPO: a photograph and a small copy of it
            if image_format != "MPO" and getattr(image, "n_frames", 1) > 1:
                remarks.append(_FIRST_FRAME)
            orientation = orientation_of(image, data)
            if image_format == "TIFF":  # Pillow says how large it is once it is turned
                height, width = upright_size(height, width, orientation)
            return _Header(image_format, height, width, orientation, is_deep, tuple(remarks))
    except Exception:  # broken tags and tables make Pillow's parsers raise almost anything
        return None


def has_alpha(image: Image.Image) -> bool:
    """Tell whether the pixels of an opened image have a transparency."""
    return image.mode in {"LA", "La", "RGBA", "RGBa", "PA"} or "transparency" in image.info


def _tiff_header(data: bytes) -> _Header | None:
    """Read the header of a TIFF whose pixels Pillow has no mode for, such as RGB of 16 bits."""
    tags = read_tiff_tags(data)
    if tags is None:
        return None
    return _Header("TIFF", tags.height, tags.width, tags.orientation, tags.bits > 8, ())


def _decode(
    data: bytes, header: _Header, reduction: int, reading: ImageReading
) -> tuple[npt.NDArray[np.uint8], str]:
    """Return (H, W, 3) uint8 RGB, and the remark on how its values were scaled, if they were."""
    scaled = ""
    by_decoder = header.format in _JPEGS
    if header.is_deep:
        pixels, scaled = _decode_deep(data, header, reading)
    else:
        flags = _FLAGS_OF_REDUCTION[reduction if by_decoder else 1] | cv2.IMREAD_IGNORE_ORIENTATION
        pixels = _opencv(data, header, flags)
    if reduction > 1 and not by_decoder:
        pixels = _block_means(pixels, reduction)
    # a copy that NumPy reverses costs as much as decoding
    rgb: npt.NDArray[np.uint8] = np.asarray(cv2.cvtColor(pixels, cv2.COLOR_BGR2RGB))
    is_upright = header.format == "TIFF"
    return as_wanted(rgb, header.orientation, reading.orientation, come_upright=is_upright), scaled


def _opencv(data: bytes, header: _Header, flags: int) -> Any:
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise SampleError(Reason.UNDECODABLE_IMAGE, f"OpenCV: {error.err or error}".splitlines()[0]) from None
    if pixels is None and header.format not in _EXTENSION_OF_FORMAT:
        pixels = _pillow(data)
    if pixels is None:
        raise SampleError(Reason.UNDECODABLE_IMAGE, what_does_not_decode(data, header.format))
    return pixels


def _pillow(data: bytes) -> npt.NDArray[Any] | None:
    """Decode what OpenCV has no decoder for (HEIC, some TIFF and JPEG 2000); blue comes first, as there."""
    try:
        with Image.open(io.BytesIO(data)) as image:
            return np.asarray(image.convert("RGB"))[:, :, ::-1]
    except Exception:  # broken tags and tables make Pillow's parsers raise almost anything
        return None


def _decode_deep(data: bytes, header: _Header, reading: ImageReading) -> tuple[npt.NDArray[np.uint8], str]:
    """Scale values of more than 8 bits, or of another white than 255, to (H, W, 3) uint8, blue first."""
    values = _deep_values(data, header)
    if values.ndim == 3 and values.shape[2] not in {3, 4}:
        values = values[:, :, 0]
    values = values[:, :, :3] if values.ndim == 3 else values[:, :, None].repeat(3, axis=2)
    if not np.isfinite(values).all():
        values = np.nan_to_num(values, nan=0.0, posinf=0.0, neginf=0.0)
    tags = read_tiff_tags(data)
    point = white_point_of(
        values,
        maxval=pnm_maxval(data),
        told=reading.white,
        no_data_values=() if tags is None else tags.no_data,
    )
    scale = 255.0 / (point.white - point.black)
    pixels = np.empty(values.shape, np.uint8)
    for first in range(0, len(values), _ROWS_AT_ONCE):  # a strip at a time: floats take eight times the room
        rows = slice(first, first + _ROWS_AT_ONCE)
        strip = (values[rows].astype(np.float64) - point.black) * scale
        pixels[rows] = np.where(point.no_data[rows, :, None], 0, np.clip(np.rint(strip), 0, 255))
    return pixels, point.remark


def _deep_values(data: bytes, header: _Header) -> npt.NDArray[Any]:
    """Return (H, W) or (H, W, C) values as the file stores them, blue first."""
    maxval = pnm_maxval(data)
    is_scaled_by_opencv = maxval is not None and maxval <= 255  # by some of its readers, and not by others
    values = None if is_scaled_by_opencv else opencv_values(data)
    if values is None:
        values = _pillow_values(data)
    if values is None:
        raise SampleError(Reason.UNDECODABLE_IMAGE, what_does_not_decode(data, header.format))
    return values


def _pillow_values(data: bytes) -> npt.NDArray[Any] | None:
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.mode in DEEP_MODES or image.mode == "L":
                return unscaled(np.asarray(image), image, data)
            maxval = pnm_maxval(data)
            colours = np.asarray(image.convert("RGB"))[:, :, ::-1]
            return colours if maxval is None else np.rint(colours * (maxval / 255)).astype(np.uint8)
    except Exception:  # broken tags and tables make Pillow's parsers raise almost anything
        return None


def _block_means(pixels: Any, reduction: int) -> Any:
    """Reduce (H, W, 3) pixels, a strip of rows at a time; blocks at the border are filled up with its pixels."""
    height, width = pixels.shape[:2]
    means = np.empty((-(-height // reduction), -(-width // reduction), 3), np.uint8)
    missing = means.shape[1] * reduction - width
    for first in range(0, means.shape[0], _ROWS_AT_ONCE):
        rows = means[first : first + _ROWS_AT_ONCE]
        strip = pixels[first * reduction : (first + len(rows)) * reduction]
        below = len(rows) * reduction - len(strip)
        whole = cv2.copyMakeBorder(strip, 0, below, 0, missing, cv2.BORDER_REPLICATE)
        rows[:] = cv2.resize(whole, (means.shape[1], len(rows)), interpolation=cv2.INTER_AREA)
    return means
