"""PASCAL VOC: palette PNGs of the objects and of the classes of an image, an XML of boxes, and a list of images."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

import numpy as np
import numpy.typing as npt

from infra import rle
from infra.errors import ExportError
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.file_name import part_of_id, without_suffix
from infra.exports.mask_png import png_of, values_of
from infra.exports.spooled_text import SpooledText, read_lines, write_text
from infra.exports.surplus import refuse_surplus
from infra.exports.voc_annotation import VocObject, annotation_of, objects_of
from infra.exports.voc_labels import MAX_INDEX, PALETTE, VocLabels, names_of
from infra.storage.files import join

OBJECTS, CLASSES, ANNOTATIONS = "SegmentationObject", "SegmentationClass", "Annotations"
LABELS_FILE: Final = "labelmap.txt"
_LISTS = "ImageSets/Segmentation"


class VocWriter:
    """See ExportWriter."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._labels = VocLabels()
        self._list = SpooledText()

    def add(self, sample: ExportedSample) -> None:
        """See ExportWriter. ExportError also for overlapping, empty, or more than 254 objects."""
        objects = _objects_map(sample)
        numbers = [0, *(self._labels.number_of(one.category, sample.key) for one in sample.objects)]
        classes = np.array(numbers, np.uint8)[objects]
        name = without_suffix(sample.file_name)
        document = annotation_of(sample, f"{self._target.image_prefix}{sample.file_name}")
        self._write(f"{OBJECTS}/{name}.png", png_of(objects, PALETTE))
        self._write(f"{CLASSES}/{name}.png", png_of(classes, PALETTE))
        self._write(f"{ANNOTATIONS}/{name}.xml", document)
        self._list.append(f"{name}\n")

    def finish(self) -> None:
        """See ExportWriter."""
        self._write(LABELS_FILE, self._labels.document())
        write_text(self._target.storage, _list_url(self._target), self._list)

    def close(self) -> None:
        """See ExportWriter."""
        self._list.close()

    def _write(self, path: str, data: bytes) -> None:
        self._target.storage.write_bytes(join(self._target.url, path), data)


class VocReader:
    """See ExportReader."""

    def __init__(self, target: ExportTarget) -> None:
        self._target = target
        self._names = read_lines(target.storage, _list_url(target))
        self._labels = names_of(target.storage.read_bytes(join(target.url, LABELS_FILE)))

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """See ExportReader."""
        name = without_suffix(sample.file_name)
        if next(self._names, "") != name:
            raise ExportError(f"{_list_url(self._target)} lacks sample {sample.key!r}: export again")
        url = join(self._target.url, ANNOTATIONS, f"{name}.xml")
        key, found = objects_of(self._target.storage.read_bytes(url), url)
        expected = [VocObject(one.object_id, one.category) for one in sample.objects]
        if (key, found) != (sample.key, expected):
            raise ExportError(f"{url} has not the objects of sample {sample.key!r}: export again")
        objects = self._map(OBJECTS, name, sample)
        numbers = {label: number for number, label in enumerate(self._labels)}
        of_index = np.zeros(256, np.uint8)
        of_index[1 : len(found) + 1] = [numbers.get(one.category, 0) for one in found]
        if (objects > len(found)).any() or (of_index[objects] != self._map(CLASSES, name, sample)).any():
            raise ExportError(
                f"{CLASSES}/{name}.png below {self._target.url} is not of the objects of sample {sample.key!r}: "
                "export again"
            )
        return [rle.encode(objects == index) for index in range(1, len(found) + 1)]

    def finish(self) -> None:
        """See ExportReader."""
        refuse_surplus(self._names, _list_url(self._target))

    def close(self) -> None:
        """See ExportReader."""
        self._names.close()

    def _map(self, folder: str, name: str, sample: ExportedSample) -> npt.NDArray[np.uint8]:
        url = join(self._target.url, folder, f"{name}.png")
        return values_of(self._target.storage.read_bytes(url), sample.height, sample.width, url)


def _objects_map(sample: ExportedSample) -> npt.NDArray[np.uint8]:
    """(H, W) uint8: 1 for the first object, 2 for the second, ..., 0 elsewhere."""
    if len(sample.objects) > MAX_INDEX:
        raise ExportError(
            f"sample {sample.key!r} has {len(sample.objects):,} objects, and a palette PNG of voc has room for "
            f"{MAX_INDEX}: export as png or coco"
        )
    objects = np.zeros((sample.height, sample.width), np.uint8)
    for index, one in enumerate(sample.objects, start=1):
        mask = rle.decode(one.rle, sample.height, sample.width)
        others = objects[mask]
        if not others.size:
            raise ExportError(
                f"object {one.object_id!r} of sample {sample.key!r} has no pixel, and voc has no room for such a "
                "one: --where 'area > 0' leaves them out, png and coco hold them"
            )
        if others.any():
            raise _overlap(sample, one, sample.objects[int(others.max()) - 1])
        objects[mask] = index
    return objects


def _overlap(sample: ExportedSample, one: ExportedObject, other: ExportedObject) -> ExportError:
    return ExportError(
        f"objects {other.object_id!r} and {one.object_id!r} of sample {sample.key!r} overlap, and a pixel of voc "
        "belongs to one object: export as png or coco"
    )


def _list_url(target: ExportTarget) -> str:
    name = part_of_id(target.split) if target.split else "all"
    return join(target.url, _LISTS, f"{name}.txt")


VOC = ExportFormat("voc", VocWriter, VocReader, exact_shapes=("rle",), images_folder="JPEGImages")
