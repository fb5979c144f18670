"""Files of COCO and its relatives: one `annotations.json`, masks as compressed RLE or as polygons.

Every annotation has its `object_id`, every image its `sample_key`, so that corrected labels find back to the run.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final, Protocol

import numpy as np
from pycocotools import mask as coco_mask

from infra import rle
from infra.errors import ExportError
from infra.exports.categories import Categories
from infra.exports.export_format import ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.json_lists import JsonDocument, read_entries
from infra.exports.outlines import outlines
from infra.exports.surplus import refuse_surplus
from infra.storage.files import join

FILE: Final = "annotations.json"
_CATEGORIES, _IMAGES, _ANNOTATIONS = "categories", "images", "annotations"
_OF_IMAGE = ("id", "sample_key", "file_name", "height", "width")
Members = Mapping[str, object]


class CocoDialect(Protocol):
    """What one member of the family writes besides what all of them have."""

    def of_image(self, sample: ExportedSample, file_name: str, category_ids: Sequence[int]) -> Members:
        """Members of an image; `category_ids` are those of its objects, each once, ascending."""

    def of_annotation(self) -> Members:
        """Members of every annotation."""

    def of_category(self, name: str, num_images: int, num_objects: int) -> Members:
        """Members of a category that so many images and objects of the export have."""


class CocoWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget, dialect: CocoDialect) -> None:
        self._target = target
        self._dialect = dialect
        self._categories = Categories(first=1)
        self._num_images: dict[int, int] = {}
        self._num_objects: dict[int, int] = {}
        self._document = JsonDocument(_CATEGORIES, _IMAGES, _ANNOTATIONS)

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        image_id = self._document.count(_IMAGES) + 1
        numbers = [self._categories.number_of(one.category) for one in sample.objects]
        file_name = f"{self._target.image_prefix}{sample.file_name}"
        image = {
            "id": image_id,
            "file_name": file_name,
            "height": sample.height,
            "width": sample.width,
            "sample_key": sample.key,
            **self._dialect.of_image(sample, file_name, sorted(set(numbers))),
        }
        self._document.append(_IMAGES, image)
        for one, number in zip(sample.objects, numbers, strict=True):
            annotation = {
                "id": self._document.count(_ANNOTATIONS) + 1,
                "image_id": image_id,
                "category_id": number,
                "segmentation": self._segmentation(sample, one),
                "area": one.area,
                "bbox": list(one.bbox),
                **self._dialect.of_annotation(),
                "object_id": one.object_id,
                **one.figures,
            }
            self._document.append(_ANNOTATIONS, annotation)
            self._num_objects[number] = self._num_objects.get(number, 0) + 1
        for number in set(numbers):
            self._num_images[number] = self._num_images.get(number, 0) + 1

    def finish(self) -> None:
        """See ExportWriter."""
        for number, name in self._categories.names.items():
            of_dialect = self._dialect.of_category(name, self._num_images[number], self._num_objects[number])
            self._document.append(_CATEGORIES, {"id": number, "name": name, **of_dialect})
        first = {"info": dict(self._target.provenance), "licenses": []}
        self._document.write(self._target.storage, join(self._target.url, FILE), first)

    def close(self) -> None:
        """See ExportWriter."""
        self._document.close()

    def _segmentation(self, sample: ExportedSample, one: ExportedObject) -> object:
        if self._target.shape == "polygons":
            return [
                ring.ravel().tolist() for ring in outlines(rle.decode(one.rle, sample.height, sample.width))
            ]
        return {"size": [sample.height, sample.width], "counts": one.rle.decode("ascii")}


class CocoReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._url = join(target.url, FILE)
        self._prefix = target.image_prefix
        categories = read_entries(target.storage, self._url, _CATEGORIES)
        self._names = {entry.get("id"): entry.get("name") for entry in categories}
        self._images = read_entries(target.storage, self._url, _IMAGES)
        self._annotations = read_entries(target.storage, self._url, _ANNOTATIONS)
        self._num_images = self._num_annotations = 0

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        image: dict[str, Any] = next(self._images, {})
        self._num_images += 1
        file_name = f"{self._prefix}{sample.file_name}"
        expected = (self._num_images, sample.key, file_name, sample.height, sample.width)
        if tuple(image.get(name) for name in _OF_IMAGE) != expected:
            raise ExportError(f"{self._url} lacks the image of sample {sample.key!r}: export again")
        found = []
        for one in sample.objects:
            annotation: dict[str, Any] = next(self._annotations, {})
            self._num_annotations += 1
            category = self._names.get(annotation.get("category_id"))
            where = (annotation.get("id"), annotation.get("image_id"), annotation.get("object_id"), category)
            if where != (self._num_annotations, self._num_images, one.object_id, one.category):
                raise ExportError(
                    f"{self._url} lacks object {one.object_id!r} of sample {sample.key!r}: export again"
                )
            found.append(_counts(annotation.get("segmentation"), sample.height, sample.width))
        return found

    def finish(self) -> None:
        """See ExportReader."""
        refuse_surplus(self._images, self._url)
        refuse_surplus(self._annotations, self._url)

    def close(self) -> None:
        """See ExportReader."""
        self._images.close()
        self._annotations.close()


def _counts(segmentation: Any, height: int, width: int) -> bytes:
    """Compressed counts of what stands in an annotation; ValueError if it is no mask."""
    if isinstance(segmentation, dict):
        if segmentation.get("size") != [height, width]:
            raise ValueError(
                f"a mask of size {segmentation.get('size')} is not one of {height} x {width} pixels"
            )
        return str(segmentation.get("counts", "")).encode()
    if not segmentation:
        return rle.encode(np.zeros((height, width), np.bool_))
    merged = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    counts_of_all: Any = merged["counts"]
    return bytes(counts_of_all)
