"""An image and its mask become a sample, or the record of why there is none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TypeAlias

import numpy as np

from infra import rle
from infra.errors import Reason
from infra.layouts.layout import SourceItem
from infra.layouts.mask_reading import MaskPixels
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.image_file import StoredImage
from infra.shards.sample import ObjectTruth, QuarantinedSample, Sample

MaskDecoder: TypeAlias = Callable[[bytes], MaskPixels]


def samples_of_mask(key: str, image: StoredImage, mask: MaskPixels) -> Iterator[SourceItem]:
    """Yield what is to be told of a mask, then its sample; objects are called by their values, sorted.

    If the sizes of image and mask differ, or the mask is empty, a record takes the place of the sample.
    """
    yield SourceNote(Topic.READ, f"masks: {mask.meaning}", key)
    for doubt in mask.doubts:
        yield SourceNote(Topic.DOUBT, doubt, key)
    if mask.values.shape != (image.height, image.width):
        yield QuarantinedSample(key, Reason.MASK_SIZE_MISMATCH, size_mismatch(mask.values.shape, image))
        return
    objects = tuple(
        ObjectTruth(str(value), rle.encode(mask.values == value))
        for value in np.unique(mask.values[mask.values != 0])
    )
    if not objects:
        yield QuarantinedSample(key, Reason.EMPTY_OBJECT, _no_object(mask))
        return
    yield Sample(
        key=key,
        image_bytes=image.data,
        extension=image.extension,
        height=image.height,
        width=image.width,
        objects=objects,
        ignore_rle=rle.encode(mask.ignored) if mask.ignored.any() else None,
    )


def _no_object(mask: MaskPixels) -> str:
    if not mask.ignored.any():
        return "the mask has no object pixel"
    return f"the mask has no object pixel beside those that do not count: {mask.meaning}"


def size_mismatch(shape: tuple[int, ...], image: StoredImage) -> str:
    """Say that a mask of this (height, width) is none of the image; and why, if an EXIF orientation explains it."""
    text = f"the mask has {shape[0]} x {shape[1]} pixels, the image {image.height} x {image.width}"
    if image.is_turned and shape == (image.width, image.height):
        return f"{text} after its EXIF orientation: masks of the stored pixels need --orientation stored"
    if shape == (image.width, image.height):
        return f"{text}: height and width are swapped"
    return text
