"""Masks that come as image files: pixel values to objects."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping

import numpy as np
import numpy.typing as npt
from PIL import Image

from infra import rle
from infra.errors import Reason, SampleError
from infra.layouts.layout import MaskValues
from infra.shards.sample import MAX_PIXELS, JsonValue, ObjectTruth, QuarantinedSample, Sample, StoredImage

_VALUE_MODES = {"1", "L", "P", "I", "I;16", "I;16B", "I;16L"}
_BINARY_OBJECT_ID = "1"


def decode_mask(data: bytes, mask_values: MaskValues) -> npt.NDArray[np.int32]:
    """Decode a mask file into (H, W) int32 pixel values: palette indices of a palette image, not its colours.

    A colour image whose channels are equal is grey. Of any other a binary mask takes the largest channel, so
    that whatever is not black is object; instances have no value in it. Transparency is dropped.

    Raises:
        SampleError: the bytes are no image, or colours where instances are expected.

    """
    try:
        with Image.open(io.BytesIO(data)) as image:
            if image.width * image.height > MAX_PIXELS:
                raise SampleError(Reason.IMAGE_TOO_LARGE, f"a mask of {image.height} x {image.width} pixels")
            if image.mode in _VALUE_MODES:
                return np.asarray(image).astype(np.int32)
            colours = np.asarray(image.convert("RGB"))
    except (OSError, ValueError, SyntaxError):
        raise SampleError(
            Reason.UNDECODABLE_MASK, f"a mask file of {len(data)} bytes does not decode"
        ) from None
    grey = bool((colours == colours[:, :, :1]).all())
    if not grey and mask_values == "instances":
        raise SampleError(
            Reason.UNDECODABLE_MASK, "the mask is in colours: instances need one value an object"
        )
    values: npt.NDArray[np.int32] = colours.max(axis=2).astype(np.int32)
    return values


def samples_of_mask(
    key: str,
    image: StoredImage,
    values: npt.NDArray[np.int32],
    *,
    mask_values: MaskValues,
    ignore_value: int | None,
    attributes: Mapping[str, JsonValue] | None = None,
) -> Iterator[Sample | QuarantinedSample]:
    """Turn an image and its mask into a sample, or into the record of why there is none.

    Args:
        key: key of the sample.
        image: the image.
        values: (H, W) int32 pixel values of the mask; 0 is background.
        mask_values: whether all values are one object (called "1") or each is its own (called by its value).
        ignore_value: the value of pixels that do not count, or None.
        attributes: free attributes of the sample.

    """
    if values.shape != (image.height, image.width):
        height, width = values.shape
        detail = f"the mask has {height} x {width} pixels, the image {image.height} x {image.width}"
        yield QuarantinedSample(key, Reason.MASK_SIZE_MISMATCH, detail)
        return
    ignored = np.zeros(values.shape, bool) if ignore_value is None else values == ignore_value
    objects = tuple(_objects(np.where(ignored, 0, values), mask_values))
    if not objects:
        yield QuarantinedSample(key, Reason.EMPTY_OBJECT, "the mask has no object pixel")
        return
    yield Sample(
        key=key,
        image_bytes=image.data,
        extension=image.extension,
        height=image.height,
        width=image.width,
        objects=objects,
        ignore_rle=rle.encode(ignored) if ignored.any() else None,
        attributes=attributes or {},
    )


def _objects(values: npt.NDArray[np.int32], mask_values: MaskValues) -> Iterator[ObjectTruth]:
    if mask_values == "binary":
        if values.any():
            yield ObjectTruth(_BINARY_OBJECT_ID, rle.encode(values != 0))
        return
    for value in np.unique(values[values != 0]):
        yield ObjectTruth(str(value), rle.encode(values == value))
