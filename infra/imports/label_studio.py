"""Label Studio's exports JSON and JSON-MIN: brush masks and polygons of the annotations that people have submitted.

A task of JSON has its annotations beside the predictions, which are the masks that were exported and are not read. An
entry of JSON-MIN is one annotation, whose regions have lost their ids.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import PurePosixPath
from typing import Any

from infra.errors import LabelImportError
from infra.exports.brush_rle import counts_of_brush
from infra.imports.import_format import ImportFormat
from infra.imports.json_stream import WHOLE_FILE, read_lists
from infra.imports.known_images import KnownImage
from infra.imports.label_source import LabelSource
from infra.imports.labelled_image import UNDATED, LabelledImage, LabelledShape
from infra.imports.polygon_mask import mask_of_segmentation
from infra.imports.values import list_in, number_in, object_in, shown, side_in, text_in
from infra.layouts.coco_names import spellings_of
from infra.shards.file_names import picture_suffixes

_LABELS = ("brushlabels", "polygonlabels", "labels")


def _recognises(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _read(source: LabelSource) -> Iterator[LabelledImage]:
    for _, index, entry in read_lists(source.storage, source.url, (WHOLE_FILE,)):
        place = f"{source.url} task {index} (counted from 0)"
        yield from _of_task(source, object_in(entry, place), place)


LABEL_STUDIO = ImportFormat("label-studio", _recognises, _read, has_versions=True)


def _of_task(source: LabelSource, task: dict[str, Any], place: str) -> Iterator[LabelledImage]:
    if "annotation_id" in task and "data" not in task:
        submitted = [] if task["annotation_id"] is None else [_of_json_min(task)]
        data = task
    else:
        submitted = list_in(task.get("annotations", []), f"{place}: annotations")
        data = object_in(task.get("data"), f"{place}: data")
    num_read = 0
    for entry in submitted:
        annotation = object_in(entry, f"{place}: an annotation")
        if annotation.get("was_cancelled"):
            source.left_out["annotations of Label Studio that were cancelled"] += 1
            continue
        num_read += 1
        key = text_in(data.get("sample_key"), f"{place}: sample_key")
        image = source.images.find(key, "" if key else _name_of(data, place), place)
        if image is not None:
            yield _of_annotation(source, annotation, image, place)
    if not num_read:
        source.left_out[
            "tasks of Label Studio without an annotation, whose images count as not reviewed"
        ] += 1


def _of_json_min(entry: dict[str, Any]) -> dict[str, Any]:
    """An entry of JSON-MIN as an annotation: its regions are in the lists that the tags of the interface are called."""
    values = [
        value
        for listed in entry.values()
        if isinstance(listed, list)
        for value in listed
        if isinstance(value, dict)
    ]
    sides = ("original_height", "original_width")
    regions = [{"value": value} | {side: value.get(side) for side in sides} for value in values]
    return {"result": regions, "updated_at": entry.get("updated_at"), "created_at": entry.get("created_at")}


def _of_annotation(
    source: LabelSource, annotation: Mapping[str, Any], image: KnownImage, place: str
) -> LabelledImage:
    shapes: dict[object, LabelledShape] = {}
    num_left_out = 0
    for index, entry in enumerate(list_in(annotation.get("result"), f"{place}: the result of an annotation")):
        where = f"{place}: region {index}"
        region = object_in(entry, where)
        value = object_in(region.get("value", {}), f"{where}: value")
        if "rle" not in value and not isinstance(value.get("points"), list):
            source.left_out["regions of Label Studio that are neither brush masks nor polygons"] += 1
            num_left_out += "x" in value  # a box, an ellipse or a point; else it is about the whole image
            continue
        # a brush and the label of its region are two results with one id, if the interface has both as tags
        region_id = region.get("id") if isinstance(region.get("id"), str) else index
        shape = _shape(source, region, value, image, where)
        known = shapes.setdefault(region_id, shape)
        if not known.category and shape.category:
            shapes[region_id] = shape
    return LabelledImage(image.key, place, tuple(shapes.values()), _edited(annotation, place), num_left_out)


def _shape(
    source: LabelSource, region: dict[str, Any], value: dict[str, Any], image: KnownImage, where: str
) -> LabelledShape:
    height, width = (
        side_in(region.get(name), f"{where}: {name}") for name in ("original_height", "original_width")
    )
    source.images.check_size(image, height, width, where)
    if region.get("image_rotation", 0) not in (0, None):
        raise LabelImportError(
            f"{where}: image_rotation is {shown(region['image_rotation'])}: turn the image back in Label Studio before "
            "the export"
        )
    meta = region.get("meta")
    object_id = meta.get("object_id") if isinstance(meta, dict) else None
    try:
        counts = _counts(value, image, where)
    except (ValueError, TypeError, IndexError) as error:
        raise LabelImportError(
            f"{where} is no mask of sample {image.key!r}: {error}; draw it again"
        ) from None
    return LabelledShape(
        text_in(object_id, f"{where}: object_id"), _label(value, where), counts, is_polygon="rle" not in value
    )


def _counts(value: dict[str, Any], image: KnownImage, where: str) -> bytes:
    if "rle" in value:
        packed = list_in(value["rle"], f"{where}: rle")
        return counts_of_brush(bytes(packed), image.height, image.width)
    ring: list[float] = []
    for entry in value["points"]:
        point = list_in(entry, f"{where}: a point")
        if len(point) != 2:
            raise ValueError(f"{shown(point)} is no point")
        x, y = (number_in(number, f"{where}: a point") for number in point)
        ring += [x / 100 * image.width, y / 100 * image.height]  # percent
    return mask_of_segmentation([ring], image.height, image.width)


def _label(value: dict[str, Any], where: str) -> str:
    for name in _LABELS:
        labels = list_in(value.get(name, []), f"{where}: {name}")
        if len(labels) > 1:
            raise LabelImportError(
                f"{where}: it has {len(labels)} labels ({shown(labels)}), and an object has one class: keep one of them"
            )
        if labels:
            return text_in(labels[0], f"{where}: {name}")
    return ""


def _edited(annotation: Mapping[str, Any], place: str) -> datetime:
    text = annotation.get("updated_at") or annotation.get("created_at")
    if text is None:
        return UNDATED
    try:
        edited = datetime.fromisoformat(text)
    except (ValueError, TypeError):
        raise LabelImportError(
            f"{place}: updated_at is {shown(text)}: it must be a time (ISO 8601)"
        ) from None
    return edited if edited.tzinfo else edited.replace(tzinfo=UTC)


def _name_of(data: Mapping[str, Any], place: str) -> str:
    """What a task calls its image: `image`, as exports have it, or the only value that is the name of a picture."""
    named = data.get("image")
    if not isinstance(named, str) or not named:
        pictures = [value for value in data.values() if isinstance(value, str) and _is_picture(value)]
        if len(pictures) != 1:
            raise LabelImportError(
                f"{place}: its data has {len(pictures)} names of images: call the image's `image`, and have one a task"
            )
        named = pictures[0]
    return text_in(named, f"{place}: image")


def _is_picture(value: str) -> bool:
    base = next(spellings_of(value)).parts[-1]
    return PurePosixPath(base).suffix.lower() in picture_suffixes()
