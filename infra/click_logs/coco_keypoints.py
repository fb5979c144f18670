"""COCO key points: every labelled point of an annotation is a click on the object of that annotation."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from infra.click_logs.document_clicks import ImagesOnce, Point, document_part
from infra.click_logs.document_json import id_in, list_in, number_in, object_in, read_document, text_in
from infra.click_logs.log_format import LogFormat
from infra.click_logs.log_part import LogPart, place_of, shown
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.signs import is_background_by, is_background_label
from infra.errors import ClickLogError
from infra.storage.files import Storage

_UNIT = "annotation"
_LISTS = ("images", "annotations")


def _recognises(head: bytes) -> bool:
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n")
    first, _, _ = text.partition(b"\n")
    if not text.startswith(b"{"):
        return False
    try:
        document = json.loads(first)
    except (ValueError, RecursionError):  # it goes on in the next line, or after the head
        return any(f'"{name}"'.encode() in text for name in _LISTS)
    return all(name in document for name in _LISTS)


def _read(storage: Storage, url: str, _options: ClickLogOptions) -> Iterator[LogPart]:
    document = object_in(read_document(storage, url), url)
    if any(name not in document for name in _LISTS):
        raise ClickLogError(f"{url} has no lists `images` and `annotations`: it is no COCO file")
    names = _image_names(list_in(document["images"], f"{url}: images"), url)
    point_names = _point_names(document.get("categories", []), url)
    seen: dict[tuple[str, str], int] = {}
    points: list[Point] = []
    num_without = 0
    for index, entry in enumerate(list_in(document["annotations"], f"{url}: annotations")):
        place = place_of(url, _UNIT, index)
        annotation = object_in(entry, place)
        if not annotation.get("keypoints"):
            num_without += 1
            continue
        image_id = id_in(annotation.get("image_id"), f"{place}: image_id")
        object_id = id_in(annotation.get("id"), f"{place}: id")
        if image_id not in names:
            raise ClickLogError(f"{place}: image_id is {image_id}, and no entry of `images` has that id")
        first = seen.setdefault((image_id, object_id), index)
        if first != index:
            raise ClickLogError(
                f"{place}: its id {object_id} is that of {_UNIT} {first} on the same image: give each its own"
            )
        named = _names_of(annotation, point_names, place)
        points += _points(annotation, names[image_id], object_id, named, place, index)
    notices = [f"click log {url}: {num_without:,} annotations without key points"] if num_without else []
    yield document_part(url, _UNIT, points, notices)


COCO_KEYPOINTS = LogFormat("coco-keypoints", (".json",), _recognises, _read, "pixels")


def _points(
    annotation: Mapping[str, Any], image: str, object_id: str, names: list[str], place: str, index: int
) -> Iterator[Point]:
    flat = list_in(annotation["keypoints"], f"{place}: keypoints")
    if len(flat) % 3:
        raise ClickLogError(
            f"{place}: keypoints has {len(flat)} numbers: it must be x, y and v of each point"
        )
    if names and len(flat) > 3 * len(names):
        raise ClickLogError(
            f"{place}: keypoints has {len(flat) // 3} points, and its category {shown(annotation['category_id'])} "
            f"names {len(names)}: a name may say background, so name every point"
        )
    attributes = annotation.get("attributes")
    texts = (
        {str(name): str(value) for name, value in attributes.items()} if isinstance(attributes, dict) else {}
    )
    of_background = is_background_by(texts)
    for position in range(len(flat) // 3):
        x, y, visibility = flat[3 * position : 3 * position + 3]
        where = f"{place}: key point {position}"
        if not isinstance(visibility, int | float) or visibility not in {0, 1, 2}:
            raise ClickLogError(f"{where}: v is {shown(visibility)}: it must be 0, 1 or 2")
        if visibility:
            name = names[position] if position < len(names) else ""
            is_foreground = not (of_background or is_background_label(name))
            yield Point(
                image,
                object_id,
                number_in(y, f"{where}: y"),
                number_in(x, f"{where}: x"),
                is_foreground,
                index,
            )


def _names_of(annotation: Mapping[str, Any], point_names: Mapping[str, list[str]], place: str) -> list[str]:
    """Return what the key points of an annotation are called, nothing if no category of the file names any."""
    if not any(point_names.values()):
        return []
    category = annotation.get("category_id")
    if not point_names.get(str(category)):
        raise ClickLogError(
            f"{place}: category_id is {shown(category)}, and no entry of `categories` with that id names key points: "
            "a name may say background, so list the category with its `keypoints`"
        )
    return point_names[str(category)]


def _image_names(images: list[Any], url: str) -> dict[str, str]:
    once = ImagesOnce(url, "image", "give each file one entry")
    names: dict[str, str] = {}
    for index, entry in enumerate(images):
        place = place_of(url, "image", index)
        image = object_in(entry, place)
        name = text_in(image.get("file_name"), f"{place}: file_name")
        image_id = id_in(image.get("id"), f"{place}: id")
        if image_id in names:
            raise ClickLogError(f"{place}: its id {image_id} is that of another image: give each its own")
        once.check(name, index)
        names[image_id] = name
    return names


def _point_names(categories: object, url: str) -> dict[str, list[str]]:
    """Return the names of the key points of each category by its id as text; none if the file has none."""
    listed = [
        object_in(entry, f"{url}: an entry of categories")
        for entry in list_in(categories, f"{url}: categories")
    ]
    return {
        str(entry.get("id")): [
            str(name) for name in list_in(entry.get("keypoints", []), f"{url}: keypoints of a category")
        ]
        for entry in listed
    }
