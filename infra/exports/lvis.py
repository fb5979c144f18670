"""LVIS v1, as the `lvis` package reads it: COCO's file with what a federated data set says of its classes."""

from __future__ import annotations

from collections.abc import Sequence

from infra.exports.coco_family import CocoReader, CocoWriter, Members
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedSample
from infra.storage.files import join

_IMAGES_FOLDER = "images"
_FEW_IMAGES, _SOME_IMAGES = 10, 100
"""Images of a class that is rare, and of one that is common (Gupta et al., LVIS, CVPR 2019, section 4)."""


class _Lvis:
    """See CocoDialect."""

    def __init__(self, target: ExportTarget) -> None:
        self._has_prefix = bool(target.image_prefix)

    def of_image(self, sample: ExportedSample, file_name: str, category_ids: Sequence[int]) -> Members:
        """A run knows of no class that an image certainly does not show, so none is said to be absent.

        If objects of the image are left out, no class in it is complete.
        """
        return {
            "coco_url": file_name if self._has_prefix else join(_IMAGES_FOLDER, file_name),
            "flickr_url": "",
            "license": 0,
            "date_captured": "",
            "neg_category_ids": [],
            "not_exhaustive_category_ids": list(category_ids) if sample.is_partial else [],
        }

    def of_annotation(self) -> Members:
        """LVIS has no crowds."""
        return {}

    def of_category(self, name: str, num_images: int, num_objects: int) -> Members:
        """WordNet is not asked: a class is its own only synonym."""
        frequency = "r" if num_images <= _FEW_IMAGES else "c" if num_images <= _SOME_IMAGES else "f"
        return {
            "synset": name,
            "synonyms": [name],
            "def": "",
            "frequency": frequency,
            "image_count": num_images,
            "instance_count": num_objects,
        }


def _writer(target: ExportTarget) -> CocoWriter:
    return CocoWriter(target, _Lvis(target))


LVIS = ExportFormat("lvis", _writer, CocoReader, shapes=("rle", "polygons"), exact_shapes=("rle",))
