"""Starts from COCO's JSON: the masks or the boxes of instances files and of lists of results."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import PurePosixPath
from typing import Any, TypeAlias

import pyarrow as pa

from infra.errors import SampleError, StartError
from infra.layout_options import CrowdRegions
from infra.layouts.coco_segmentation import any_mask_of_segmentation
from infra.shards.file_names import image_suffixes
from infra.shards.image_file import MAX_PIXELS
from infra.starts.coco_file import CocoFile, StartEntry, StartImage, is_list_of_results, read_coco_file
from infra.starts.sample_lookup import ByFileName, ByImageId, SampleLookup
from infra.starts.start_rows import RowBuffer, StartPart, StartsRead, shown
from infra.starts.starts import StartKind
from infra.storage.files import Storage

_CROWD = "crowd regions (iscrowd 1), which cover several objects: left out"
_FIELD = {"masks": "segmentation", "boxes": "bbox"}
_OTHER = {"masks": "boxes", "boxes": "masks"}
_BOX_RULE = "[x, y, w, h], four finite numbers in image pixels, w and h above 0"

Values: TypeAlias = tuple[Any, ...]
ReadValues: TypeAlias = Callable[[StartEntry, StartImage, str], Values]


def read_coco(
    storage: Storage, files: Sequence[str], url: str, kind: StartKind, crowd: CrowdRegions
) -> StartsRead:
    """Read the masks or boxes of JSON files.

    If some are lists of results, the others only say which images the ids in them mean, and how large they are.

    Args:
        storage: opens the files.
        files: their URLs.
        url: of them all, for a person.
        kind: whether masks or boxes are read.
        crowd: whether crowd regions are objects.

    Raises:
        StartError: a file, entry or image cannot be read as such, or no entry has a mask or box.

    """
    lists = [file for file in files if is_list_of_results(storage, file)]
    named = [file for file in files if file not in lists]
    reader = _Reader(kind, takes_crowd=crowd == "objects", knows_names=bool(named))
    if not lists:
        contents = (read_coco_file(storage, file) for file in named)
        parts = [part for content in contents for part in reader.parts(content, content.images)]
        return StartsRead(parts, reader.lookup(), reader.notices(url))
    images = _images_of(storage, named)
    parts = [part for file in lists for part in reader.parts(read_coco_file(storage, file), images)]
    text = "samples are found by the ids of images, such as 139 for 000000000139"
    if named:
        text = f"the images they mean are those of {', '.join(named)}, of which nothing else is read"
    return StartsRead(parts, reader.lookup(), (f"{kind} {url}: results; {text}", *reader.notices(url)))


@dataclass
class _Reader:
    """Turns entries of files into rows, and counts what is left out.

    knows_names: some file says how images are called; else their ids are all there is.
    """

    kind: StartKind
    takes_crowd: bool
    knows_names: bool
    num_read: int = 0
    num_crowd: int = 0
    num_without: int = 0
    paths_of: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def parts(self, file: CocoFile, images: Mapping[str, StartImage]) -> Iterator[StartPart]:
        """Yield the rows of a file whose entries are of these images."""
        place_of = file.place()
        buffer = RowBuffer(self.kind, place_of)
        read_values: ReadValues = _read_mask if self.kind == "masks" else _read_box
        for index, entry in enumerate(file.entries):
            value = entry.segmentation if self.kind == "masks" else entry.box
            if entry.is_crowd and not self.takes_crowd:
                self.num_crowd += 1
            elif value is None or value in ([], "", {}):
                self.num_without += 1
            else:
                place = place_of(index)
                image = self._image(entry.image_id, images, place)
                self.paths_of[image.key] = image.paths
                values = read_values(entry, image, place)
                buffer.add(index, image.key, entry.entry_id, _score(entry, place), *values)
                self.num_read += 1
        yield from buffer.parts()

    def _image(self, image_id: str, images: Mapping[str, StartImage], place: str) -> StartImage:
        if not self.knows_names:
            return StartImage(_id_as_key(image_id), (), 0, 0)
        if image_id not in images:
            raise StartError(
                f"{place}: no file of images has one with the id {image_id}: give the file that lists the images of "
                "these results"
            )
        return images[image_id]

    def lookup(self) -> Callable[[pa.Array], SampleLookup]:
        """Return what makes the rule by which samples find their keys."""
        return partial(ByFileName.of, self.paths_of) if self.knows_names else lambda keys: ByImageId()

    def notices(self, url: str) -> tuple[str, ...]:
        """Return what was left out. StartError if that is all."""
        name = _FIELD[self.kind]
        if not self.num_read and self.num_without:
            other = _OTHER[self.kind]
            raise StartError(
                f"{url} has no {self.kind}: none of its {self.num_without:,} entries has a {name}; if they have "
                f"{other}, give --start {other}:{url}"
            )
        told = ((self.num_crowd, _CROWD), (self.num_without, f"entries without a {name}: left out"))
        return tuple(f"{self.kind} {url}: {count:,} {text}" for count, text in told if count)


def _images_of(storage: Storage, files: Sequence[str]) -> dict[str, StartImage]:
    images: dict[str, StartImage] = {}
    for file in files:
        for image_id, image in read_coco_file(storage, file).images.items():
            known = images.setdefault(image_id, image)
            if known.key != image.key:
                raise StartError(
                    f"{file} calls the image of id {image_id} {image.key!r}, and another file calls it {known.key!r}: "
                    "beside lists of results leave only the file that lists their images"
                )
    return images


def _id_as_key(image_id: str) -> str:
    """Return an id of an image; if it is a file name, without its suffix, as keys are."""
    if "." not in image_id:  # nearly all, and a path takes its time
        return image_id
    suffix = PurePosixPath(image_id).suffix
    return image_id.removesuffix(suffix) if suffix.lower() in image_suffixes() else image_id


def _score(entry: StartEntry, place: str) -> float:
    score = entry.score
    if score is None:
        return 0.0
    if isinstance(score, bool) or not isinstance(score, int | float) or not _is_finite(score):
        raise StartError(f"{place}: score is {shown(score)}: it must be a finite number, or left out")
    return float(score)


def _read_mask(entry: StartEntry, image: StartImage, place: str) -> Values:
    height, width = image.height, image.width
    if not (height and width):
        height, width = _size_of(entry.segmentation, place)
    if height * width > MAX_PIXELS:
        raise StartError(f"{place}: a mask of {height} x {width} pixels; the limit is {MAX_PIXELS} pixels")
    try:
        mask = any_mask_of_segmentation(entry.segmentation, height, width)
    except SampleError as error:
        raise StartError(f"{place}: {error.detail}; correct the mask or leave out the entry") from None
    return mask.rle, height, width


def _size_of(segmentation: object, place: str) -> tuple[int, int]:
    """Return the size of an RLE, since no file says that of the image."""
    size = segmentation.get("size") if isinstance(segmentation, dict) else None
    if isinstance(size, list) and len(size) == 2 and all(type(side) is int and side > 0 for side in size):
        return size[0], size[1]
    if isinstance(segmentation, list):
        raise StartError(
            f"{place}: polygons of an image whose height and width no file says: write them into its entry of `images`"
        )
    raise StartError(f"{place}: size of the mask is {shown(size)}: it must be [height, width] in pixels")


def _read_box(entry: StartEntry, image: StartImage, place: str) -> Values:
    numbers = entry.box if isinstance(entry.box, list) else []
    are_numbers = len(numbers) == 4 and all(type(number) in {int, float} for number in numbers)
    if not are_numbers or not all(map(_is_finite, numbers)) or min(numbers[2:]) <= 0:
        raise StartError(
            f"{place}: bbox is {shown(entry.box)}: it must be {_BOX_RULE}; correct it or leave out the entry"
        )
    return tuple(map(float, numbers))


def _is_finite(number: float) -> bool:
    try:
        return math.isfinite(number)
    except OverflowError:  # a whole number beyond all floats
        return False
