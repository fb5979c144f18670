"""Label Studio's JSON export: key points of tasks, as people and its smart tools make them.

Coordinates are percent of the image. An annotation that was cancelled, predictions, and regions other than key points
are left out and told.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import unquote

from infra.click_logs.document_clicks import ImagesOnce, Point, document_part, with_objects
from infra.click_logs.document_json import id_in, list_in, number_in, object_in, read_document, text_in
from infra.click_logs.log_format import LogFormat
from infra.click_logs.log_part import LogPart, place_of, shown
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.signs import is_background_label, is_object_label, names_an_object, sign_of_value
from infra.errors import ClickLogError
from infra.layouts.coco_names import spellings_of
from infra.shards.file_names import picture_suffixes
from infra.storage.files import Storage

_UNIT = "task"
_KEY_POINTS = frozenset({"keypointlabels", "keypoint"})
_BEFORE_UPLOADS = re.compile(r"[0-9a-f]{8}-(?=.)")
_TWICE = "export each image once, or keep one of the tasks"
_WHICH_OBJECT = "nest it in the region of its object, or give it the label of the object too"


def _recognises(head: bytes) -> bool:
    return head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"[")


def _read(storage: Storage, url: str, _options: ClickLogOptions) -> Iterator[LogPart]:
    tasks = list_in(read_document(storage, url), url)
    yield _Export(url).part(tasks)


LABEL_STUDIO = LogFormat("label-studio", (".json",), _recognises, _read, "percent")


class _Export:
    """The export that is being read, and what of it was left out."""

    def __init__(self, url: str) -> None:
        self._url = url
        self._left_out: dict[str, int] = {}

    def part(self, tasks: list[Any]) -> LogPart:
        images = ImagesOnce(self._url, _UNIT, _TWICE)
        points: list[Point] = []
        for index, task in enumerate(tasks):
            of_task = list(self._of_task(object_in(task, place_of(self._url, _UNIT, index)), index))
            for image in dict.fromkeys(point.image for point in of_task):
                images.check(image, index)
            points += of_task
        notices = [f"click log {self._url}: {count:,} {what}" for what, count in self._left_out.items()]
        return document_part(self._url, _UNIT, points, notices)

    def _of_task(self, task: Mapping[str, Any], index: int) -> Iterator[Point]:
        place = place_of(self._url, _UNIT, index)
        if "annotations" not in task:
            raise ClickLogError(
                f"{place} has no annotations: a Label Studio log is its export called JSON, not JSON-MIN; a table is "
                "JSON Lines, one object a line"
            )
        if task.get("predictions"):
            self._leave_out("predictions are not read: only annotations are people's")
        people: list[tuple[str, list[Point]]] = []
        for entry in list_in(task["annotations"], f"{place}: annotations"):
            annotation = object_in(entry, f"{place}: an annotation")
            if annotation.get("was_cancelled"):
                self._leave_out("cancelled annotations are left out")
                continue
            points = list(self._points(annotation, task, index))
            if points:
                people.append((str(annotation.get("id", len(people) + 1)), points))
        for person, points in people:
            for image in dict.fromkeys(point.image for point in points):
                of_image = [point for point in points if point.image == image]
                for point in with_objects(of_image, self._url, _UNIT, _WHICH_OBJECT):
                    object_id = f"{point.object_id}@{person}" if len(people) > 1 else point.object_id
                    yield Point(image, object_id, point.y, point.x, point.is_foreground, index)
        if len(people) > 1:
            self._leave_out(
                "tasks have several annotations: each is clicked as objects of its own, LABEL@ANNOTATION"
            )

    def _points(self, annotation: Mapping[str, Any], task: Mapping[str, Any], index: int) -> Iterator[Point]:
        place = place_of(self._url, _UNIT, index)
        for entry in list_in(annotation.get("result"), f"{place}: result of an annotation"):
            result = object_in(entry, f"{place}: an entry of result")
            if result.get("type") not in _KEY_POINTS:
                self._leave_out("results that are no key points are left out")
                continue
            where = f"{place}: key point {result.get('id', '')}".rstrip()
            value = object_in(result.get("value"), f"{where}: value")
            if result.get("image_rotation", 0) != 0:
                raise ClickLogError(
                    f"{where}: image_rotation is {shown(result['image_rotation'])}: turn the image back in Label "
                    "Studio before the export"
                )
            object_id, is_foreground = _meaning(result, value, where)
            yield Point(
                _image_of(task, result, where),
                object_id,
                number_in(value.get("y"), f"{where}: y"),
                number_in(value.get("x"), f"{where}: x"),
                is_foreground,
                index,
            )

    def _leave_out(self, what: str) -> None:
        self._left_out[what] = self._left_out.get(what, 0) + 1


def _meaning(result: Mapping[str, Any], value: Mapping[str, Any], where: str) -> tuple[str, bool]:
    """Return the object of a key point, "" if open, and whether it is on it."""
    listed = value.get("keypointlabels", value.get("labels", []))
    labels = [text_in(label, f"{where}: a label") for label in list_in(listed, f"{where}: keypointlabels")]
    is_foreground = not any(map(is_background_label, labels))
    if not is_foreground and any(map(is_object_label, labels)):
        raise ClickLogError(
            f"{where}: its labels {shown(labels)} say both object and background: keep one of the two"
        )
    of_tool = result.get("is_positive", value.get("is_positive"))
    if of_tool is not None:
        try:
            is_foreground = sign_of_value(of_tool)
        except ValueError:
            raise ClickLogError(
                f"{where}: is_positive is {shown(of_tool)}: it must be true or false"
            ) from None
    if result.get("parentID") is not None:
        return id_in(result["parentID"], f"{where}: parentID"), is_foreground
    named = dict.fromkeys(filter(names_an_object, labels))
    if len(named) > 1:
        raise ClickLogError(
            f"{where}: its labels {shown(labels)} name {len(named)} objects: keep one of them"
        )
    return next(iter(named), ""), is_foreground


def _image_of(task: Mapping[str, Any], result: Mapping[str, Any], where: str) -> str:
    """Return the name of the image that a point is on, without what Label Studio puts before the name of an upload."""
    data = object_in(task.get("data"), f"{where}: data")
    named = {key: value for key, value in data.items() if isinstance(value, str) and _is_picture(value)}
    if data.get("image") is not None:  # its name may lack a suffix
        named["image"] = data["image"]
    if len(named) == 1:
        (value,) = named.values()
    elif result.get("to_name") in list(named):
        value = named[result["to_name"]]
    elif named:
        raise ClickLogError(
            f"{where}: data has {len(named)} images ({', '.join(map(shown, named))}), and to_name is "
            f"{shown(result.get('to_name'))}: name the tag of each image as its field of data, or keep one image a task"
        )
    else:
        raise ClickLogError(
            f"{where}: data has no names of images ({', '.join(map(shown, data))}): call the image's `image`"
        )
    name = text_in(value, f"{where}: image")
    path = unquote(name) if name.startswith("/data/") else name
    folder, _, base = path.rpartition("/")
    if "upload" in folder.split("/"):
        return _BEFORE_UPLOADS.sub("", base, count=1)
    return path


def _is_picture(value: str) -> bool:
    base = next(spellings_of(value)).parts[-1]
    return PurePosixPath(base).suffix.lower() in picture_suffixes()
