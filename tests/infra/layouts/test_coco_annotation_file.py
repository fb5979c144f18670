"""Which JSON file is read, and what is said of files that are something else."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from infra.errors import LayoutError
from infra.layout_options import LayoutOptions
from infra.layouts.source_note import Topic
from tests.infra.layouts.coco_source import TRIANGLE, annotation, image, write_source
from tests.infra.layouts.sources import HEIGHT, WIDTH, notes_of, read_all

RESULT = {"image_id": 1, "category_id": 1, "segmentation": TRIANGLE, "score": 0.5}
LIST = {"images": [image(1)], "categories": []}


def write_json(path: Path, content: Any) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))


@pytest.mark.parametrize(
    ("annotations_path", "images_folder", "split"),
    [
        ("annotations/instances_val2017.json", "val2017", "val2017"),
        ("annotations/instances_val2017.json", "val2017", "instances_val2017"),
        ("annotations/instances_val2017.json", "images/val2017", None),
        ("instances.json", "images", None),
        ("annotations.JSON", "images", None),
        ("_annotations.coco.json", "", None),
        ("val2017/_annotations.coco.json", "val2017", None),
        ("val2017/_annotations.coco.json", "val2017", "val2017"),
        ("coco_val2017.json", "images", "val2017"),
        ("archive/set/annotations/instances_val2017.json", "archive/set/images", None),
        ("archive/set/annotations/instances_val2017.json", "archive/set/images", "val2017"),
    ],
)
def test_the_usual_places_of_annotations_are_found_among_other_files(
    tmp_path: Path, annotations_path: str, images_folder: str, split: str | None
) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1)], annotations_path, images_folder)
    write_json(tmp_path / "info.json", {"name": "set"})
    write_json(tmp_path / "._instances.json", 5)
    if split is not None and not annotations_path.startswith("archive"):
        write_json(tmp_path / "annotations/captions_val2017.json", {})
        write_json(tmp_path / "annotations/instances_train2017.json", {})
    options = LayoutOptions(split=split)
    samples, quarantined = read_all("coco", tmp_path, options)
    assert (len(samples), len(quarantined)) == (1, 0)
    read = [note.key for note in notes_of("coco", tmp_path, options) if "was read" in note.text]
    assert read == [annotations_path]


def test_json_files_that_were_not_read_are_said(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1)], "annotations/instances_val2017.json")
    write_json(tmp_path / "annotations/captions_val2017.json", {})
    (note,) = [note for note in notes_of("coco", tmp_path) if note.topic is Topic.LEFT_OUT]
    assert note.key == "annotations/captions_val2017.json"


@pytest.mark.parametrize(
    ("paths", "example"),
    [
        (["annotations/instances_train2017.json", "annotations/instances_val2017.json"], "train2017"),
        (["train/_annotations.coco.json", "valid/_annotations.coco.json"], "train"),
        (["a.json", "b.json"], "a"),
    ],
)
def test_several_annotation_files_are_named_with_a_split_that_works(
    tmp_path: Path, paths: list[str], example: str
) -> None:
    for path in paths:
        write_source(tmp_path, [image(1)], [annotation(1, 1)], path)
    with pytest.raises(LayoutError, match=f"choose one with --split, such as --split {example}$") as raised:
        read_all("coco", tmp_path)
    assert all(path in str(raised.value) for path in paths)
    samples, _ = read_all("coco", tmp_path, LayoutOptions(split=example))
    assert len(samples) == 1


def test_of_many_json_files_a_few_are_named(tmp_path: Path) -> None:
    for index in range(20):
        write_source(tmp_path, [image(1)], [], f"{index:02}.json")
    with pytest.raises(LayoutError) as raised:
        read_all("coco", tmp_path)
    assert "04.json, ...)" in str(raised.value)
    assert "05.json" not in str(raised.value)


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ([RESULT], "a list of results"),
        ([{"segmentation": {}, "area": 5, "predicted_iou": 0.9}], "SAM's generator"),
        ([{"id": 1, "data": {}, "annotations": []}], "Label Studio"),
        ([{"image": "a.jpg", "annotations": []}], "CreateML"),
        ({"version": "5", "shapes": [], "imagePath": "a.jpg"}, "labelme"),
        ({"_via_img_metadata": {}}, "VIA"),
        ({"a.jpg1": {"filename": "a.jpg", "regions": []}}, "VIA"),
        ({"image": {"image_id": 1}, "annotations": []}, "SA-1B"),
        ({"info": {}, "categories": {}, "items": []}, "Datumaro"),
        ({"samples": []}, "FiftyOne"),
        ({"format": "mfp-dataset", "version": 1, "complete": True, "samples": 3}, "a data set of mfp shard"),
        ({"videos": [], "annotations": []}, "videos"),
        (LIST, "without annotations"),
        ({"annotations": [RESULT]}, "without a list of images"),
        (LIST | {"annotations": [{"image_id": 1, "segments_info": []}]}, "panoptic"),
        (LIST | {"annotations": [{"id": 1, "image_id": 1, "caption": "a cat"}]}, "captions"),
        ({"images": {}, "annotations": []}, "a list of images without annotations"),
        (5, "something else"),
        ([], "something else"),
        ([5], "something else"),
        ({}, "something else"),
    ],
)
def test_a_file_that_is_something_else_is_called_what_it_is(tmp_path: Path, content: Any, said: str) -> None:
    write_json(tmp_path / "instances.json", content)
    with pytest.raises(LayoutError, match="no instances file of COCO") as raised:
        read_all("coco", tmp_path)
    assert said in str(raised.value)
    assert "\n" not in str(raised.value)


def test_a_folder_of_labelme_files_is_called_so(tmp_path: Path) -> None:
    for index in range(20):
        write_json(tmp_path / f"{index}.json", {"shapes": [], "imagePath": f"{index}.jpg"})
    with pytest.raises(LayoutError, match=r"has 20 JSON files.*labelme"):
        read_all("coco", tmp_path)


@pytest.mark.parametrize("encoding", ["utf-8-sig", "utf-16"])
def test_an_annotation_file_may_begin_with_a_byte_order_mark(tmp_path: Path, encoding: str) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1)])
    path = tmp_path / "instances.json"
    path.write_bytes(path.read_text().encode(encoding))
    (sample,), _ = read_all("coco", tmp_path)
    assert (sample.height, sample.width) == (HEIGHT, WIDTH)
