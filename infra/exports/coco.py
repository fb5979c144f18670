"""COCO instances: one `annotations.json`, masks as compressed RLE or as polygons.

Every annotation has its `object_id`, every image its `sample_key`, so that corrected labels find back to the run.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from pycocotools import mask as coco_mask

from infra import rle
from infra.errors import ExportError
from infra.exports.categories import Categories
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.outlines import outlines
from infra.exports.spooled_lines import SpooledDocument, read_list
from infra.storage.files import join

FILE = "annotations.json"
_IMAGES, _ANNOTATIONS = "images", "annotations"


class CocoWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._categories = Categories(first=1)
        self._document = SpooledDocument(_IMAGES, _ANNOTATIONS)

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter."""
        image_id = self._document.count(_IMAGES) + 1
        image = {
            "id": image_id,
            "file_name": sample.file_name,
            "height": sample.height,
            "width": sample.width,
            "sample_key": sample.key,
        }
        self._document.append(_IMAGES, image)
        for one in sample.objects:
            annotation = {
                "id": self._document.count(_ANNOTATIONS) + 1,
                "image_id": image_id,
                "category_id": self._categories.number_of(one.category),
                "segmentation": self._segmentation(sample, one),
                "area": one.area,
                "bbox": list(one.bbox),
                "iscrowd": 0,
                "object_id": one.object_id,
                **one.figures,
            }
            self._document.append(_ANNOTATIONS, annotation)

    def finish(self) -> None:
        """See ExportWriter."""
        categories = [
            {"id": number, "name": name, "supercategory": ""}
            for number, name in self._categories.names.items()
        ]
        first = {"info": dict(self._target.provenance), "licenses": [], "categories": categories}
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
        self._images = read_list(target.storage, self._url, _IMAGES)
        self._annotations = read_list(target.storage, self._url, _ANNOTATIONS)

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        image: dict[str, Any] = next(self._images, {})
        if (image.get("sample_key"), image.get("file_name")) != (sample.key, sample.file_name):
            raise ExportError(f"{self._url} lacks the image of sample {sample.key!r}: export again")
        found = []
        for one in sample.objects:
            annotation: dict[str, Any] = next(self._annotations, {})
            if (annotation.get("image_id"), annotation.get("object_id")) != (image["id"], one.object_id):
                raise ExportError(
                    f"{self._url} lacks object {one.object_id!r} of sample {sample.key!r}: export again"
                )
            found.append(_counts(annotation["segmentation"], sample.height, sample.width))
        return found

    def close(self) -> None:
        """See ExportReader."""
        self._images.close()
        self._annotations.close()


def _counts(segmentation: Any, height: int, width: int) -> bytes:
    if isinstance(segmentation, dict):
        counts: bytes = segmentation["counts"].encode("ascii")
        return counts
    if not segmentation:
        return rle.encode(np.zeros((height, width), np.bool_))
    merged = coco_mask.merge(coco_mask.frPyObjects(segmentation, height, width))
    counts_of_all: Any = merged["counts"]
    return bytes(counts_of_all)


COCO = ExportFormat("coco", CocoWriter, CocoReader, shapes=("rle", "polygons"))
