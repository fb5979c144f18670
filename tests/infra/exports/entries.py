"""The images and objects in the files of an export, taken out and put back: for tests that change them.

What is put back is well formed (numbers run on, counts fit): only what it says may be wrong.
"""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final
from xml.etree import ElementTree

import numpy as np
import pyarrow.parquet as pq
from PIL import Image

from infra.exports.csv_index import CsvIndex
from infra.exports.format_names import FormatName
from infra.exports.json_lists import JsonDocument, JsonListFile
from infra.exports.mask_png import png_of
from infra.exports.voc_labels import PALETTE
from infra.exports.yolo_seg import label_path
from infra.storage.files import Storage

_STORAGE = Storage()


@dataclass
class ImageEntry:
    """What files have of an image, and of each of its objects, in their order."""

    image: Any
    objects: list[Any]


@dataclass(frozen=True)
class Entries:
    """How the entries of a format are read from a folder, and written over what is there."""

    read: Callable[[Path], list[ImageEntry]]
    write: Callable[[Path, Sequence[ImageEntry]], None]


def _coco_entries(folder: Path) -> list[ImageEntry]:
    document = json.loads((folder / "annotations.json").read_text())
    entries = {image["id"]: ImageEntry(image, []) for image in document["images"]}
    for annotation in document["annotations"]:
        entries[annotation["image_id"]].objects.append(annotation)
    return list(entries.values())


def _write_coco(folder: Path, entries: Sequence[ImageEntry]) -> None:
    old = json.loads((folder / "annotations.json").read_text())
    document = JsonDocument("categories", "images", "annotations")
    for category in old["categories"]:
        document.append("categories", category)
    for number, entry in enumerate(entries, start=1):
        document.append("images", entry.image | {"id": number})
        for annotation in entry.objects:
            numbers = {"id": document.count("annotations") + 1, "image_id": number}
            document.append("annotations", annotation | numbers)
    document.write(_STORAGE, str(folder / "annotations.json"), {"info": old["info"]})
    document.close()


def _label_studio_entries(folder: Path) -> list[ImageEntry]:
    tasks = json.loads((folder / "tasks.json").read_text())
    return [ImageEntry(task, task["predictions"][0]["result"]) for task in tasks]


def _write_label_studio(folder: Path, entries: Sequence[ImageEntry]) -> None:
    file = JsonListFile()
    for entry in entries:
        (prediction,) = entry.image["predictions"]
        file.append(entry.image | {"predictions": [prediction | {"result": entry.objects}]})
    file.write(_STORAGE, str(folder / "tasks.json"))
    file.close()


def _fiftyone_entries(folder: Path) -> list[ImageEntry]:
    samples = json.loads((folder / "samples.json").read_text())["samples"]
    return [ImageEntry(sample, sample["masks"]["detections"]) for sample in samples]


def _write_fiftyone(folder: Path, entries: Sequence[ImageEntry]) -> None:
    document = JsonDocument("samples")
    for entry in entries:
        masks = entry.image["masks"] | {"detections": entry.objects}
        document.append("samples", entry.image | {"masks": masks})
    document.write(_STORAGE, str(folder / "samples.json"), {})
    document.close()


def _yolo_entries(folder: Path) -> list[ImageEntry]:
    images = json.loads((folder / "object_ids.json").read_text())["images"]
    entries = []
    for image in images:
        lines = (folder / label_path(image["file_name"])).read_text().splitlines()
        entries.append(ImageEntry(image, list(zip(image["object_ids"], lines, strict=True))))
    return entries


def _write_yolo(folder: Path, entries: Sequence[ImageEntry]) -> None:
    document = JsonDocument("images")
    for entry in entries:
        document.append("images", entry.image | {"object_ids": [object_id for object_id, _ in entry.objects]})
        lines = "".join(f"{line}\n" for _, line in entry.objects)
        (folder / label_path(entry.image["file_name"])).write_text(lines)
    document.write(_STORAGE, str(folder / "object_ids.json"), {})
    document.close()


def _cvat_entries(folder: Path) -> list[ImageEntry]:
    root = ElementTree.parse(folder / "annotations.xml").getroot()
    return [ImageEntry(image.attrib, list(image)) for image in root.iter("image")]


def _write_cvat(folder: Path, entries: Sequence[ImageEntry]) -> None:
    root = ElementTree.parse(folder / "annotations.xml").getroot()
    for image in root.findall("image"):
        root.remove(image)
    for number, entry in enumerate(entries):
        ElementTree.SubElement(root, "image", entry.image | {"id": str(number)}).extend(entry.objects)
    ElementTree.ElementTree(root).write(folder / "annotations.xml", encoding="utf-8", xml_declaration=True)


def _voc_entries(folder: Path) -> list[ImageEntry]:
    entries = []
    for name in (folder / "ImageSets/Segmentation/all.txt").read_text().splitlines():
        root = ElementTree.parse(folder / f"Annotations/{name}.xml").getroot()
        with Image.open(folder / f"SegmentationObject/{name}.png") as picture:
            indices = np.array(picture)
        objects = root.findall("object")
        for one in objects:
            root.remove(one)
        masks = [indices == number for number in range(1, len(objects) + 1)]
        entries.append(ImageEntry((name, root, indices.shape), list(zip(objects, masks, strict=True))))
    return entries


def _write_voc(folder: Path, entries: Sequence[ImageEntry]) -> None:
    labels = (folder / "labelmap.txt").read_text().splitlines()
    numbers = {line.split(":")[0]: number for number, line in enumerate(labels[1:])}
    for entry in entries:
        name, head, shape = entry.image
        objects, classes = np.zeros(shape, np.uint8), np.zeros(shape, np.uint8)
        root = ElementTree.fromstring(ElementTree.tostring(head))
        for number, (element, mask) in enumerate(entry.objects, start=1):
            root.append(element)
            objects[mask], classes[mask] = number, numbers[element.findtext("name")]
        ElementTree.ElementTree(root).write(folder / f"Annotations/{name}.xml")
        (folder / f"SegmentationObject/{name}.png").write_bytes(png_of(objects, PALETTE))
        (folder / f"SegmentationClass/{name}.png").write_bytes(png_of(classes, PALETTE))
    names = "".join(f"{entry.image[0]}\n" for entry in entries)
    (folder / "ImageSets/Segmentation/all.txt").write_text(names)


_OF_IMAGE = ("sample_key", "image", "height", "width")


def _png_entries(folder: Path) -> list[ImageEntry]:
    with (folder / "index.csv").open(newline="") as file:
        rows = list(csv.DictReader(file))
    entries: dict[str, ImageEntry] = {}
    for row in rows:
        image = {name: row[name] for name in _OF_IMAGE}
        entries.setdefault(row["sample_key"], ImageEntry(image, [])).objects.append(row)
    return list(entries.values())


def _write_png(folder: Path, entries: Sequence[ImageEntry]) -> None:
    with (folder / "index.csv").open(newline="") as file:
        index = CsvIndex(next(csv.reader(file)))
    for entry in entries:
        for row in entry.objects:
            index.append(row | entry.image)
    index.write(_STORAGE, str(folder / "index.csv"))
    index.close()


_ROWS = "data/train-00000.parquet"


def _datasets_entries(folder: Path) -> list[ImageEntry]:
    return [ImageEntry(row, row["objects"]) for row in pq.read_table(folder / _ROWS).to_pylist()]


def _write_datasets(folder: Path, entries: Sequence[ImageEntry]) -> None:
    table = pq.read_table(folder / _ROWS)
    rows = [entry.image | {"objects": entry.objects} for entry in entries]
    pq.write_table(type(table).from_pylist(rows, table.schema), folder / _ROWS)


ENTRIES: Final[Mapping[FormatName, Entries]] = {
    "coco": Entries(_coco_entries, _write_coco),
    "lvis": Entries(_coco_entries, _write_coco),
    "yolo-seg": Entries(_yolo_entries, _write_yolo),
    "label-studio": Entries(_label_studio_entries, _write_label_studio),
    "cvat": Entries(_cvat_entries, _write_cvat),
    "voc": Entries(_voc_entries, _write_voc),
    "png": Entries(_png_entries, _write_png),
    "fiftyone": Entries(_fiftyone_entries, _write_fiftyone),
    "datasets": Entries(_datasets_entries, _write_datasets),
}
