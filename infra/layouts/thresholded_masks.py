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
from typing import Any

import numpy as np
import numpy.typing as npt

from infra import rle
from infra.errors import Reason, SampleError
from infra.layout_options import LayoutOptions
from infra.layouts.layout import SourceItem
from infra.layouts.layout_errors import wrong_layout
from infra.layouts.mask_file import size_mismatch
from infra.layouts.source_files import image_notes, list_images, only_file, read_image, read_listed
from infra.layouts.source_note import SourceNote, Topic
from infra.layouts.split import chosen_stems
from infra.shards.image_file import StoredImage
from infra.shards.image_reading import Orientation
from infra.shards.mask_channels import MaskChannels, open_mask
from infra.shards.sample import ObjectTruth, QuarantinedSample, Sample
from infra.storage.files import Storage, basename, join

_IGNORE = 128
_MEANING = f"masks: values above {_IGNORE} are object, {_IGNORE} does not count"
# three masks of the genuine Berkeley set have one to three magenta pixels
_STRAY_SHARE = 0.001
_STRAY = "grey masks with a few pixels in colour: the largest of their three channels counts"
_NUMBERED = re.compile(r"(?P<image>.+)[-_#](?P<number>\d+)")


@dataclass(frozen=True)
class _Folders:
    layout: str
    images: str
    masks: str


def _read(
    folders: _Folders, source_url: str, storage: Storage, options: LayoutOptions
) -> Iterator[SourceItem]:
    """Read all images, or those of a list; an image with several masks is one sample with as many objects.

    Objects are numbered from 1 in the order of their masks' numbers and name their `mask_file`. The ignored pixels
    of a sample are those of all its objects, so masks of one image that ignore different pixels become samples of
    their own: the first keeps the stem of the image, the others have the stem of their mask.

    Raises:
        LayoutError: there are no images or masks, or the split has no list.

    """
    image_files = list_images(storage, join(source_url, folders.images))
    mask_files = list_images(storage, join(source_url, folders.masks))
    yield from image_files.notes + mask_files.notes
    images, masks = image_files.by_stem, mask_files.by_stem
    if not images or not masks:
        expected = f"images in {folders.images}/ and masks in {folders.masks}/"
        raise wrong_layout(folders.layout, source_url, storage, expected)
    stems_of_image = _masks_of_images(images, masks)
    keys, notes = chosen_stems(source_url, storage, options.split, sorted(stems_of_image), folders.images)
    yield from notes
    for key in keys:
        try:
            image = read_image(only_file(key, images, Reason.MISSING_IMAGE), storage, options.images)
            mask_stems = stems_of_image[key]
            if not mask_stems:
                raise SampleError(Reason.MISSING_MASK, f"no mask with the stem {key} in {folders.masks}/")
        except SampleError as error:
            yield QuarantinedSample(key, error.reason, error.detail)
        else:
            yield from image_notes(key, image)
            yield from _samples(key, image, mask_stems, masks, storage, options.images.orientation)


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
    key: str,
    image: StoredImage,
    mask_stems: Sequence[str],
    masks: Mapping[str, list[str]],
    storage: Storage,
    orientation: Orientation,
) -> Iterator[SourceItem]:
    objects_of_ignore: dict[bytes | None, list[ObjectTruth]] = {}
    keys: dict[bytes | None, str] = {}
    for number, stem in enumerate(mask_stems, start=1):
        try:
            mask_url = only_file(stem, masks, Reason.MISSING_MASK)
            data = read_listed(mask_url, storage, Reason.MISSING_MASK)
            levels = _read_levels(data, image, orientation)
            truth, ignore_rle = _split(levels.values)
        except SampleError as error:
            yield QuarantinedSample(key, error.reason, f"{stem}: {error.detail}", object_id=str(number))
            continue
        yield SourceNote(Topic.READ, levels.meaning, key)
        yield from (SourceNote(Topic.DOUBT, doubt, key) for doubt in levels.doubts)
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


@dataclass(frozen=True)
class _Levels:
    """(H, W) levels from 0 to 255, what the file's values were taken to mean, and what a person should look at."""

    values: npt.NDArray[Any]
    meaning: str = _MEANING
    doubts: tuple[str, ...] = ()


def _levels(channels: MaskChannels) -> _Levels:
    """Return the levels of a grey, palette, 1-bit or 16-bit file, and of one in colours if few pixels have any."""
    if channels.kind != "grey":
        colours = channels.palette[channels.values] if channels.kind == "palette" else channels.colours
        is_coloured = (colours != colours[..., :1]).any(axis=2)
        if np.count_nonzero(is_coloured) > _STRAY_SHARE * is_coloured.size:
            raise SampleError(
                Reason.AMBIGUOUS_MASK,
                "the mask is in colours, and this layout goes by grey values: save it in grey, or use layout folder",
            )
        return _Levels(colours.max(axis=2), doubts=(_STRAY,) if is_coloured.any() else ())
    if channels.values.dtype.kind == "f" and not np.isfinite(channels.values).all():
        raise SampleError(Reason.AMBIGUOUS_MASK, "the mask has values that are no numbers (NaN or infinite)")
    largest = channels.values.max()
    if largest <= 1:
        return _Levels(channels.values * 255, "masks: values 0 and 1: 1 is object")
    if largest > 255:
        return _Levels(channels.values / 257, f"{_MEANING}; of 16 bits 65535 is 255")
    return _Levels(channels.values)


def _read_levels(data: bytes, image: StoredImage, orientation: Orientation) -> _Levels:
    channels = open_mask(data, orientation)
    if channels.is_lossy:
        raise SampleError(
            Reason.AMBIGUOUS_MASK,
            f"a lossy {channels.format} has no exact values, and {_IGNORE} is to be told from its neighbours: save "
            "the masks as PNG, or use layout folder",
        )
    if channels.has_varying_alpha:
        raise SampleError(
            Reason.AMBIGUOUS_MASK,
            "the mask has transparency, which this layout gives no meaning: use layout folder",
        )
    levels = _levels(channels)
    if levels.values.shape != (image.height, image.width):
        raise SampleError(Reason.MASK_SIZE_MISMATCH, size_mismatch(levels.values.shape, image))
    return levels


def _split(values: npt.NDArray[Any]) -> tuple[bytes, bytes | None]:
    """Return the RLE of the object, and that of the pixels that do not count if there are any."""
    truth, ignored = np.asarray(values > _IGNORE), np.asarray(values == _IGNORE)
    if not truth.any():
        raise SampleError(Reason.EMPTY_OBJECT, f"no pixel of the mask is above {_IGNORE}")
    return rle.encode(truth), rle.encode(ignored) if ignored.any() else None
