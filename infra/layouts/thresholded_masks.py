"""GrabCut and Berkeley: grey masks in which 128 does not count, more than 128 is object, less is background.

GrabCut keeps its images in `data_GT/` and its masks in `boundary_GT/`, Berkeley in `images/` and `masks/`. A mask
belongs to the image of its own stem, or to the one whose stem it continues with `_`, `-` or `#` and a number
(`189080_2` to `189080`): Berkeley has 100 masks of 96 images.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from infra import rle
from infra.errors import Reason, SampleError
from infra.layouts.folder import files_by_stem, only_file
from infra.layouts.layout import LayoutOptions
from infra.layouts.layout_errors import refuse_mask_options, wrong_layout
from infra.layouts.split import listed_stems
from infra.shards.sample import (
    ObjectTruth,
    QuarantinedSample,
    Sample,
    StoredImage,
    decode_image,
    stored_image,
)
from infra.storage.files import Storage, basename, join

_IGNORE = 128
_NUMBERED = re.compile(r"(?P<image>.+)[-_#](?P<number>\d+)")


@dataclass(frozen=True)
class _Folders:
    layout: str
    images: str
    masks: str


def _read(
    folders: _Folders, source_url: str, storage: Storage, options: LayoutOptions
) -> Iterator[Sample | QuarantinedSample]:
    """Read all images, or those of a list; an image with several masks is one sample with as many objects.

    Objects are numbered from 1 in the order of their masks' numbers and name their `mask_file`. The ignored pixels
    of a sample are those of all its objects, so masks of one image that ignore different pixels become samples of
    their own: the first keeps the stem of the image, the others have the stem of their mask.

    Raises:
        LayoutError: there are no images or masks, the split has no list, or mask values were chosen.

    """
    refuse_mask_options(folders.layout, options)
    images = files_by_stem(storage, join(source_url, folders.images))
    masks = files_by_stem(storage, join(source_url, folders.masks))
    if not images or not masks:
        expected = f"images in {folders.images}/ and masks in {folders.masks}/"
        raise wrong_layout(folders.layout, source_url, storage, expected)
    stems_of_image = _masks_of_images(images, masks)
    keys: Sequence[str] = sorted(stems_of_image)
    if options.split is not None:
        keys = listed_stems(source_url, storage, options.split)
    for key in keys:
        try:
            image = stored_image(storage.read_bytes(only_file(key, images, Reason.MISSING_IMAGE)))
            mask_stems = stems_of_image[key]
            if not mask_stems:
                raise SampleError(Reason.MISSING_MASK, f"no mask with the stem {key} in {folders.masks}/")
        except SampleError as error:
            yield QuarantinedSample(key, error.reason, error.detail)
        else:
            yield from _samples(key, image, mask_stems, masks, storage)


read_grabcut = partial(_read, _Folders("grabcut", "data_GT", "boundary_GT"))
read_berkeley = partial(_read, _Folders("berkeley", "images", "masks"))


def _masks_of_images(images: Mapping[str, list[str]], masks: Mapping[str, list[str]]) -> dict[str, list[str]]:
    """Map each image to the stems of its masks, by number; a mask without an image stands for itself."""
    numbered: dict[str, list[tuple[int, str]]] = {stem: [] for stem in images}
    for stem in masks:
        match = _NUMBERED.fullmatch(stem)
        if stem not in images and match and match["image"] in images:
            numbered[match["image"]].append((int(match["number"]), stem))
        else:
            numbered.setdefault(stem, []).append((-1, stem))
    return {stem: [mask for _, mask in sorted(found)] for stem, found in numbered.items()}


def _samples(
    key: str, image: StoredImage, mask_stems: Sequence[str], masks: Mapping[str, list[str]], storage: Storage
) -> Iterator[Sample | QuarantinedSample]:
    objects_of_ignore: dict[bytes | None, list[ObjectTruth]] = {}
    keys: dict[bytes | None, str] = {}
    for number, stem in enumerate(mask_stems, start=1):
        try:
            mask_url = only_file(stem, masks, Reason.MISSING_MASK)
            truth, ignore_rle = _decode(storage.read_bytes(mask_url), image)
        except SampleError as error:
            yield QuarantinedSample(key, error.reason, f"{stem}: {error.detail}", object_id=str(number))
            continue
        keys.setdefault(ignore_rle, stem if keys else key)
        attributes = {"mask_file": basename(mask_url)}
        objects_of_ignore.setdefault(ignore_rle, []).append(ObjectTruth(str(number), truth, attributes))
    for ignore_rle, objects in objects_of_ignore.items():
        yield Sample(
            key=keys[ignore_rle],
            image_bytes=image.data,
            extension=image.extension,
            height=image.height,
            width=image.width,
            objects=tuple(objects),
            ignore_rle=ignore_rle,
        )


def _decode(data: bytes, image: StoredImage) -> tuple[bytes, bytes | None]:
    try:
        # grey levels, also of palette and 1-bit files, whose stored values are others
        values = decode_image(data).max(axis=2)
    except SampleError as error:
        reason = Reason.UNDECODABLE_MASK if error.reason is Reason.UNDECODABLE_IMAGE else error.reason
        raise SampleError(reason, error.detail) from None
    if values.shape != (image.height, image.width):
        raise SampleError(
            Reason.MASK_SIZE_MISMATCH,
            f"the mask has {values.shape[0]} x {values.shape[1]} pixels, the image {image.height} x {image.width}",
        )
    truth = values > _IGNORE
    if not truth.any():
        raise SampleError(Reason.EMPTY_OBJECT, f"no pixel of the mask is above {_IGNORE}")
    ignored = values == _IGNORE
    return rle.encode(np.asarray(truth)), rle.encode(ignored) if ignored.any() else None
