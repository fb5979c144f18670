"""`Annotations/KEY.xml` of PASCAL VOC: size of an image, and class and box of each of its objects."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from xml.etree import ElementTree

from infra.errors import ExportError
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.xml_characters import READ_BACK

_NOT_READ_BACK = re.compile(f"[^{READ_BACK}]")


@dataclass(frozen=True)
class VocObject:
    """What an annotation says of the object with index 1, 2, ... in SegmentationObject."""

    object_id: str
    category: str


def annotation_of(sample: ExportedSample, file_name: str) -> bytes:
    """The document of a sample. ExportError if XML has no room for one of its names."""
    root = ElementTree.Element("annotation")
    _add(root, "folder", "")
    _add(root, "filename", _text(file_name, sample))
    _add(ElementTree.SubElement(root, "source"), "database", "mfp")
    size = ElementTree.SubElement(root, "size")
    for name, value in (("width", sample.width), ("height", sample.height), ("depth", 3)):
        _add(size, name, str(value))
    _add(root, "segmented", "1" if sample.objects else "0")
    _add(root, "sample_key", _text(sample.key, sample))
    for one in sample.objects:
        _add_object(root, one, sample)
    ElementTree.indent(root)
    document: bytes = ElementTree.tostring(root, encoding="utf-8", xml_declaration=True)
    return document


def objects_of(document: bytes, url: str) -> tuple[str, Sequence[VocObject]]:
    """The sample key and the objects of a document. ExportError if it is none."""
    try:
        root = ElementTree.fromstring(document)  # noqa: S314 written a moment ago; expat bounds entities
    except ElementTree.ParseError as error:
        raise ExportError(f"{url} is no XML ({error}): export again") from None
    objects = [
        VocObject(entry.findtext("object_id", ""), entry.findtext("name", ""))
        for entry in root.iter("object")
    ]
    return root.findtext("sample_key", ""), objects


def _add_object(root: ElementTree.Element, one: ExportedObject, sample: ExportedSample) -> None:
    entry = ElementTree.SubElement(root, "object")
    _add(entry, "name", _text(one.category, sample))
    _add(entry, "pose", "Unspecified")
    _add(entry, "truncated", "0")
    _add(entry, "difficult", "0")
    _add(entry, "object_id", _text(one.object_id, sample))
    box = ElementTree.SubElement(entry, "bndbox")
    x, y, w, h = one.bbox
    # pixels count from 1, and both ends are inside
    for name, value in (("xmin", x + 1), ("ymin", y + 1), ("xmax", x + w), ("ymax", y + h)):
        _add(box, name, str(value))


def _add(parent: ElementTree.Element, name: str, text: str) -> None:
    ElementTree.SubElement(parent, name).text = text


def _text(text: str, sample: ExportedSample) -> str:
    if _NOT_READ_BACK.search(text):
        raise ExportError(
            f"sample {sample.key!r} has the name {text!r}, with a character that the XML of voc cannot hold: rename "
            "it, or export as coco or png"
        )
    return text
