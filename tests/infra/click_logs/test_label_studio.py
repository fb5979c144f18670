"""Label Studio's JSON export as a click log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.click_logs.click_log import ClickLog
from infra.errors import ClickLogError
from tests.infra.click_logs.written_logs import clicks_of, read


def key_point(x: Any, y: Any, *labels: str, **more: Any) -> dict[str, Any]:
    return {
        "id": f"r{x}{y}",
        "type": "keypointlabels",
        "value": {"x": x, "y": y, "width": 0.4, "keypointlabels": list(labels)},
        "to_name": "img",
        "from_name": "kp",
        "origin": "manual",
        "image_rotation": 0,
        "original_width": 640,
        "original_height": 480,
        **more,
    }


def task(
    *results: dict[str, Any], image: str = "/data/upload/2/1a2b3c4d-cat.jpg", **more: Any
) -> dict[str, Any]:
    annotation = {"id": 31, "completed_by": 1, "result": list(results), "was_cancelled": False}
    return {
        "id": 12,
        "annotations": [annotation],
        "predictions": [],
        "file_upload": "1a2b3c4d-cat.jpg",
        "data": {"image": image},
        "project": 2,
    } | more


def exported(tmp_path: Path, *tasks: Any) -> ClickLog:
    (tmp_path / "project-2.json").write_text(json.dumps(tasks))
    return read(str(tmp_path / "project-2.json"))


def test_key_points_are_clicks_in_percent_in_the_order_of_the_export(tmp_path: Path) -> None:
    log = exported(
        tmp_path, task(key_point(50.5, 25, "cat"), key_point(10, 100, "cat"), key_point(1, 2, "dog"))
    )
    assert clicks_of(log) == {
        ("cat", "cat"): [(25, 50.5, True), (100, 10, True)],
        ("cat", "dog"): [(2, 1, True)],
    }
    assert log.units == "percent"
    assert log.in_pixels(log.objects_of("cat")["cat"][1], 480, 640) == (479, 64)
    assert log.notices == ()


@pytest.mark.parametrize("value", [False, 0, "false"])
def test_a_smart_tool_says_the_kind_of_its_clicks(tmp_path: Path, value: object) -> None:
    positive = key_point(1, 1, "cat", is_positive=True)
    negative = key_point(2, 2, "cat", is_positive=value)
    inside = key_point(3, 3, "cat")
    inside["value"]["is_positive"] = value
    assert clicks_of(exported(tmp_path, task(positive, negative, inside))) == {
        ("cat", "cat"): [(1, 1, True), (2, 2, False), (3, 3, False)]
    }


@pytest.mark.parametrize("word", ["background", "Background", "NEGATIVE", "bg", "neg", "0", "False", "neg 2"])
def test_a_label_may_say_background_beside_the_object_or_alone(tmp_path: Path, word: str) -> None:
    points = (key_point(1, 1, "cat"), key_point(2, 2, "cat", word), key_point(3, 3, word))
    assert clicks_of(exported(tmp_path, task(*points))) == {
        ("cat", "cat"): [(1, 1, True), (2, 2, False), (3, 3, False)]
    }


def test_labels_that_say_only_object_or_background_are_of_one_object(tmp_path: Path) -> None:
    points = (key_point(1, 1, "Positive"), key_point(2, 2, "Negative"))
    assert clicks_of(exported(tmp_path, task(*points))) == {("cat", "1"): [(1, 1, True), (2, 2, False)]}


def test_a_region_that_holds_key_points_is_their_object(tmp_path: Path) -> None:
    box = {"id": "box1", "type": "rectanglelabels", "value": {"x": 1, "rectanglelabels": ["cat"]}}
    points = (
        key_point(1, 1, "cat", parentID="box1"),
        key_point(2, 2, "bg", parentID="box2"),
        key_point(3, 3, "cat", parentID="box2"),
    )
    log = exported(tmp_path, task(box, *points))
    assert clicks_of(log) == {
        ("cat", "box1"): [(1, 1, True)],
        ("cat", "box2"): [(2, 2, False), (3, 3, True)],
    }
    (notice,) = log.notices
    assert "1 results that are no key points are left out" in notice


def test_annotations_of_several_people_are_clicked_apart(tmp_path: Path) -> None:
    annotations = [
        {"id": number, "was_cancelled": number == 3, "result": [key_point(number, number, "cat")]}
        for number in (1, 2, 3)
    ]
    log = exported(tmp_path, task(annotations=annotations, predictions=[{"id": 1}]))
    assert clicks_of(log) == {("cat", "cat@1"): [(1, 1, True)], ("cat", "cat@2"): [(2, 2, True)]}
    assert [notice.split(".json: ")[1][:12] for notice in log.notices] == [
        "1 prediction",
        "1 cancelled ",
        "1 tasks have",
    ]


@pytest.mark.parametrize(
    ("image", "key"),
    [
        ("/data/upload/2/1a2b3c4d-cat.jpg", "cat"),
        ("/data/upload/2/1a2b3c4d-my%20cat.v2.jpg", "my cat.v2"),
        ("/data/upload/1a2b3c4d-deadbeef-cat.jpg", "deadbeef-cat"),
        ("/data/upload/2/cat.jpg", "cat"),
        ("/data/local-files/?d=shots/cats/cat.jpg", "cat"),
        ("/data/local-files/?d=shots/images/cats/big%20cat.jpg", "cats/big cat"),
        ("s3://bucket/images/cats/1a2b3c4d-cat.jpg", "cats/1a2b3c4d-cat"),
        ("https://example.org/a/cat%201.jpg?size=big", "cat 1"),
        ("cats/cat.jpg", "cats/cat"),
    ],
)
def test_the_key_is_the_name_of_the_image(tmp_path: Path, image: str, key: str) -> None:
    assert exported(tmp_path, task(key_point(1, 1, "a"), image=image)).sample_keys.to_pylist() == [key]


def test_the_only_image_of_a_task_need_not_be_called_image(tmp_path: Path) -> None:
    data = {"photo": "https://example.org/cat.jpg", "caption": "a cat", "n": 5}
    assert list(clicks_of(exported(tmp_path, task(key_point(1, 1, "a"), data=data)))) == [("cat", "a")]


@pytest.mark.parametrize(
    ("tasks", "message"),
    [
        ([5], r"task 0 \(counted from 0\) is 5: it must be a JSON object"),
        ([{"image": "a.jpg", "kp": []}], r"task 0 .*has no annotations: .*JSON, not JSON-MIN"),
        ([task(annotations=5)], "task 0 .*: annotations is 5: it must be a list"),
        ([task(annotations=[{}])], "result of an annotation is None: it must be a list"),
        ([task(key_point("1", 2, "a"))], "key point r12: x is '1': it must be a finite number"),
        ([task(key_point(1, float("nan"), "a"))], "key point r1nan: y is nan: it must be a finite number"),
        ([task(key_point(10**400, 1, "a", id="r"))], "key point r: x is 1000+.*: it must be a finite number"),
        ([task(key_point(1, 1, "a", value=None))], "value is None: it must be a JSON object"),
        (
            [task(key_point(1, 1, "a", is_positive="maybe"))],
            "is_positive is 'maybe': it must be true or false",
        ),
        ([task(key_point(1, 1, "a", image_rotation=90))], "image_rotation is 90: turn the image back"),
        ([task(key_point(1, 1, "a", parentID=[]))], r"parentID is \[\]: it must be text"),
        ([task(key_point(1, 1, "\ud800"))], "a label is .*, which holds half a character"),
        (
            [task(key_point(1, 1, "a"), data={"a": "x.jpg", "b": "y.jpg"})],
            r"task 0 .*: key point r11: data has 2 images \('a', 'b'\), and to_name is 'img': name the tag",
        ),
        (
            [task(key_point(1, 1, "a"), data={"image": "x.jpg", "b": "y.jpg"})],
            r"task 0 .*: key point r11: data has 2 images \('image', 'b'\), and to_name is 'img'",
        ),
        (
            [task(key_point(1, 1, "a", to_name=[]), data={"a": "x.jpg", "b": "y.jpg"})],
            r"to_name is \[\]: name",
        ),
        ([task(key_point(1, 1, "a"), data={"a": "x.txt"})], r"data has no names of images \('a'\)"),
        (
            [task(key_point(1, 1, "Positive", "cat", "bg 2"))],
            r"task 0 .*: key point r11: its labels \['Positive', 'cat', 'bg 2'\] say both object and background",
        ),
        (
            [task(key_point(1, 1, "cat", "dog"))],
            r"task 0 .*: key point r11: its labels \['cat', 'dog'\] name 2 objects: keep one of them",
        ),
        (
            [task(key_point(1, 1, "a"), key_point(2, 2, "b"), key_point(3, 3, "bg"))],
            r"task 0 .*says only background, and the image has 2 objects \('a', 'b'\): nest it in the region",
        ),
        (
            [task(), task(key_point(1, 1, "a")), task(key_point(1, 1, "a"))],
            r"task 2 .*: image 'cat.jpg' was there before, at task 1: export each image once",
        ),
        ([task()], "no clicks"),
    ],
)
def test_what_is_no_export_or_leaves_something_open_is_named(
    tmp_path: Path, tasks: list[Any], message: str
) -> None:
    with pytest.raises(ClickLogError, match=message) as caught:
        exported(tmp_path, *tasks)
    assert str(caught.value).startswith(str(tmp_path))
    assert "\n" not in str(caught.value)


def test_a_point_may_have_a_name_and_a_word_for_its_kind(tmp_path: Path) -> None:
    points = (key_point(1, 1, "fg", "cat"), key_point(2, 2, "dog", "Negative"), key_point(3, 3, "cat", "cat"))
    assert clicks_of(exported(tmp_path, task(*points))) == {
        ("cat", "cat"): [(1, 1, True), (3, 3, True)],
        ("cat", "dog"): [(2, 2, False)],
    }


def test_of_several_images_a_point_is_on_the_one_of_its_tag(tmp_path: Path) -> None:
    points = (
        key_point(1, 1, "cat", to_name="left"),
        key_point(2, 2, "dog", to_name="right"),
        key_point(3, 3, "bg", to_name="left"),
    )
    data = {"left": "a.jpg", "right": "b.jpg", "image": "c.jpg"}
    assert clicks_of(exported(tmp_path, task(*points, data=data))) == {
        ("a", "cat"): [(1, 1, True), (3, 3, False)],
        ("b", "dog"): [(2, 2, True)],
    }


def test_without_clicks_it_is_told_what_was_left_out(tmp_path: Path) -> None:
    cancelled = {"id": 1, "was_cancelled": True, "result": [key_point(1, 1, "cat")]}
    box = {"id": "b", "type": "rectanglelabels", "value": {}}
    with pytest.raises(ClickLogError) as caught:
        exported(tmp_path, task(annotations=[cancelled, cancelled]), task(box, box, box))
    assert str(caught.value) == (
        f"{tmp_path}/project-2.json: no clicks (2 cancelled annotations are left out; 3 results that are no key points "
        "are left out); a click log needs one row, line or point for every click"
    )


def test_a_broken_export_is_one_line(tmp_path: Path) -> None:
    for text in ("[{]", "[" * 100_000):
        (tmp_path / "a.json").write_text(text)
        with pytest.raises(ClickLogError, match=r"a.json is no JSON \(.*\): export it again"):
            read(str(tmp_path / "a.json"))
