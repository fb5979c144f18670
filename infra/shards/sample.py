"""One image with its objects, as shards and layouts pass it on; pixels stay encoded until they are needed."""

from __future__ import annotations

import io
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.errors import Reason, SampleError

JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None
Extension: TypeAlias = Literal["jpg", "png", "webp"]

MAX_PIXELS = 2**28  # 0.8 GB decoded: what keeps one strange file from taking a worker's memory
_JPEGS = ("JPEG", "MPO")
_FLAGS_OF_REDUCTION = {
    1: cv2.IMREAD_COLOR,
    2: cv2.IMREAD_REDUCED_COLOR_2,
    4: cv2.IMREAD_REDUCED_COLOR_4,
    8: cv2.IMREAD_REDUCED_COLOR_8,
}
_ROWS_AT_ONCE = 512
Image.MAX_IMAGE_PIXELS = None  # Pillow's own limit is a warning, which threads cannot catch one by one
_EXTENSION_OF_FORMAT: Mapping[str, Extension] = {"JPEG": "jpg", "MPO": "jpg", "PNG": "png", "WEBP": "webp"}


@dataclass(frozen=True)
class ObjectTruth:
    """The true mask of one object: COCO compressed counts over the whole image."""

    object_id: str
    rle: bytes
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """An encoded image of (height, width) pixels as stored, and its objects; none where clicks are logged.

    `ignore_rle` marks the pixels that count neither as object nor as background, for all of its objects.
    """

    key: str
    image_bytes: bytes
    extension: Extension
    height: int
    width: int
    objects: tuple[ObjectTruth, ...] = ()
    ignore_rle: bytes | None = None
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class QuarantinedSample:
    """A sample, or with `object_id` one object of a sample, that is set aside; it becomes a row in `errors`.

    The records of single objects come right before the sample they belong to, if the rest of it can be used.
    Text that is no UTF-8, such as a file name of another encoding, is escaped: every table can store a record.
    """

    key: str
    reason: Reason
    detail: str
    object_id: str | None = None

    def __post_init__(self) -> None:
        for name in ("key", "detail", "object_id"):
            text = getattr(self, name)
            if text is not None:
                object.__setattr__(self, name, text.encode("utf-8", "backslashreplace").decode())


@dataclass(frozen=True)
class StoredImage:
    """Encoded bytes as a shard keeps them, and the size of the image in pixels."""

    data: bytes
    extension: Extension
    height: int
    width: int


def stored_image(data: bytes) -> StoredImage:
    """Keep JPEG, PNG and WebP as they are, whatever their file was called; turn anything else into PNG.

    Only the header of the first three is read: a file that breaks further on shows when it is decoded.

    Raises:
        SampleError: the bytes are no image, or one of more than `MAX_PIXELS`.

    """
    image_format, height, width = _read_header(data)
    extension = _EXTENSION_OF_FORMAT.get(image_format)
    if extension is not None:
        return StoredImage(data, extension, height, width)
    pixels = decode_image(data)
    encoded = cv2.imencode(".png", pixels[:, :, ::-1])[1].tobytes()
    return StoredImage(encoded, "png", pixels.shape[0], pixels.shape[1])


def decode_image(data: bytes, reduction: int = 1) -> npt.NDArray[np.uint8]:
    """Decode an image into (H, W, 3) uint8 RGB, pixels as stored: an EXIF rotation is not applied.

    16-bit images keep their upper byte, transparency is dropped, of an animation the first frame counts.
    `reduction` 2, 4 or 8 gives (ceil(H / reduction), ceil(W / reduction), 3): a JPEG is decoded at that size, an image
    of any other format whole, and then each block of so many pixels a side becomes its mean.

    Raises:
        SampleError: the bytes are no image, one that is cut off, or one of more than `MAX_PIXELS`.

    """
    image_format, _, _ = _read_header(data)
    is_reduced_by_decoder = image_format in _JPEGS
    flags = _FLAGS_OF_REDUCTION[reduction if is_reduced_by_decoder else 1] | cv2.IMREAD_IGNORE_ORIENTATION
    try:
        pixels = cv2.imdecode(np.frombuffer(data, np.uint8), flags)
    except cv2.error as error:
        raise SampleError(Reason.UNDECODABLE_IMAGE, f"OpenCV: {error.err or error}".splitlines()[0]) from None
    if pixels is None:
        raise SampleError(
            Reason.UNDECODABLE_IMAGE, f"the {image_format} of {len(data)} bytes does not decode"
        )
    if reduction > 1 and not is_reduced_by_decoder:
        pixels = _block_means(pixels, reduction)
    rgb: npt.NDArray[np.uint8] = np.ascontiguousarray(pixels[:, :, ::-1])
    return rgb


def _block_means(pixels: cv2.typing.MatLike, reduction: int) -> cv2.typing.MatLike:
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


def _read_header(data: bytes) -> tuple[str, int, int]:
    try:
        with Image.open(io.BytesIO(data)) as image:
            width, height = image.size
            image_format = image.format or ""
    except (OSError, ValueError, SyntaxError):
        raise SampleError(Reason.UNDECODABLE_IMAGE, f"{len(data)} bytes that are no image") from None
    if height * width > MAX_PIXELS:
        raise SampleError(
            Reason.IMAGE_TOO_LARGE,
            f"{height} x {width} pixels; the limit is {MAX_PIXELS}: scale it down first",
        )
    return image_format, height, width
