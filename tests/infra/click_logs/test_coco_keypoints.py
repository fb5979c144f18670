"""COCO key points as a click log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.click_logs.click_log import ClickLog
from infra.errors import ClickLogError
from tests.infra.click_logs.written_logs import clicks_of, read

CATEGORY = {"id": 1, "name": "cat", "keypoints": ["nose", "negative_1", "BG"], "skeleton": []}
IMAGE = {"id": 5, "file_name": "cats/a.jpg", "height": 480, "width": 640}


def annotation(*keypoints: Any, **more: Any) -> dict[str, Any]:
    return {
        "id": 9,
        "image_id": 5,
        "category_id": 1,
        "keypoints": list(keypoints),
        "num_keypoints": 1,
    } | more


def document(*annotations: Any, **more: Any) -> dict[str, Any]:
    return {"images": [IMAGE], "annotations": list(annotations), "categories": [CATEGORY]} | more


def exported(tmp_path: Path, content: Any, indent: int | None = None) -> ClickLog:
    (tmp_path / "person_keypoints.json").write_text(json.dumps(content, indent=indent))
    return read(str(tmp_path / "person_keypoints.json"))


@pytest.mark.parametrize("indent", [None, 1])
def test_labelled_points_are_clicks_on_their_annotation(tmp_path: Path, indent: int | None) -> None:
    first = annotation(10.5, 20, 2, 3, 4, 1, 0, 0, 0)
    second = annotation(0, 0, 0, 0, 0, 0, 7, 8, 2, id=10)
    log = exported(tmp_path, document(first, second, annotation(id=11)), indent)
    assert clicks_of(log) == {
        ("cats/a", "9"): [(20, 10.5, True), (4, 3, False)],
        ("cats/a", "10"): [(8, 7, False)],
    }
    assert log.units == "pixels"
    assert [notice.split(".json: ")[1] for notice in log.notices] == ["1 annotations without key points"]


def test_without_names_every_point_is_on_its_object(tmp_path: Path) -> None:
    log = exported(tmp_path, document(annotation(1, 2, 2, 3, 4, 2), categories=[]))
    assert clicks_of(log) == {("cats/a", "9"): [(2, 1, True), (4, 3, True)]}


def test_without_any_name_of_a_point_no_category_is_asked_for(tmp_path: Path) -> None:
    log = exported(tmp_path, document(annotation(1, 2, 2, category_id=7), categories=[{"id": 1}]))
    assert clicks_of(log) == {("cats/a", "9"): [(2, 1, True)]}


@pytest.mark.parametrize(
    ("attributes", "is_foreground"),
    [({"occluded": False}, True), ({"negative": True}, False), ({"kind": "Background"}, False)],
)
def test_attributes_may_say_the_kind(tmp_path: Path, attributes: dict[str, Any], is_foreground: bool) -> None:
    log = exported(tmp_path, document(annotation(1, 2, 2, attributes=attributes)))
    assert clicks_of(log) == {("cats/a", "9"): [(2, 1, is_foreground)]}


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (document(annotation(1, 2)), r"annotation 0 \(counted from 0\): keypoints has 2 numbers"),
        (document(annotation(1, 2, 3)), "annotation 0 .*: key point 0: v is 3: it must be 0, 1 or 2"),
        (document(annotation(1, 2, [])), r"key point 0: v is \[\]: it must be 0, 1 or 2"),
        (document(annotation("1", 2, 2)), "key point 0: x is '1': it must be a finite number"),
        (document(annotation(1, None, 2)), "key point 0: y is None: it must be a finite number"),
        (document(annotation(1, 2, 2, image_id=6)), "image_id is 6, and no entry of `images` has that id"),
        (document(annotation(1, 2, 2, image_id=None)), "image_id is None: it must be text"),
        (document(annotation(1, 2, 2, id=None)), ": id is None: it must be text"),
        (
            document(annotation(1, 2, 2), annotation(1, 2, 2)),
            "annotation 1 .*: its id 9 is that of annotation 0",
        ),
        (document(7), r"annotation 0 .* is 7: it must be a JSON object"),
        (document(annotation(keypoints=5)), "keypoints is 5: it must be a list"),
        (document(annotation(1, 2, 2), images=[{"id": 5}]), "image 0 .*: file_name is None: it must be text"),
        (
            document(annotation(1, 2, 2), images=[IMAGE, IMAGE]),
            "image 1 .*: its id 5 is that of another image",
        ),
        (
            document(annotation(1, 2, 2), images=[IMAGE, {**IMAGE, "id": 6}]),
            "image 1 .*: image 'cats/a.jpg' was there before, at image 0: give each file one entry",
        ),
        (
            document(annotation(0, 0, 0), annotation(1, 2, 2, id=10, category_id=7)),
            r"annotation 1 \(counted from 0\): category_id is 7, and no entry of `categories` with that id names",
        ),
        (
            document(annotation(1, 2, 2, category_id=2), categories=[CATEGORY, {"id": 2, "name": "dog"}]),
            "annotation 0 .*: category_id is 2, and no entry of `categories` with that id names key points",
        ),
        (
            document(annotation(1, 2, 2, category_id=None)),
            "annotation 0 .*: category_id is None, and no entry of `categories`",
        ),
        (
            document(annotation(*[1, 2, 2] * 4)),
            r"annotation 0 \(counted from 0\): keypoints has 4 points, and its category 1 names 3: ",
        ),
        (document(annotation(1, 2, 2), categories=5), "categories is 5: it must be a list"),
        (document(), "no clicks"),
    ],
)
def test_what_is_wrong_is_named_with_its_annotation(
    tmp_path: Path, content: dict[str, Any], message: str
) -> None:
    with pytest.raises(ClickLogError, match=message) as caught:
        exported(tmp_path, content)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)
