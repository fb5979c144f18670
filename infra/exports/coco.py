"""COCO instances, as pycocotools and most training programs read them."""

from __future__ import annotations

from collections.abc import Sequence

from infra.exports.coco_family import CocoReader, CocoWriter, Members
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedSample


class _Coco:
    """See CocoDialect."""

    def of_image(self, sample: ExportedSample, file_name: str, category_ids: Sequence[int]) -> Members:
        """Nothing more."""
        return {}

    def of_annotation(self) -> Members:
        """No mask of a run stands for a crowd."""
        return {"iscrowd": 0}

    def of_category(self, name: str, num_images: int, num_objects: int) -> Members:
        """Classes of a run have no classes above them."""
        return {"supercategory": ""}


def _writer(target: ExportTarget) -> CocoWriter:
    return CocoWriter(target, _Coco())


COCO = ExportFormat("coco", _writer, CocoReader, shapes=("rle", "polygons"), exact_shapes=("rle",))
