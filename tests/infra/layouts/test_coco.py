"""COCO and LVIS."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from pycocotools.coco import COCO

from infra import rle
from infra.errors import LayoutError, Reason
from infra.layouts import LayoutOptions
from tests.infra.layouts.sources import HEIGHT, WIDTH, image_file, masks_of, read_all
from tests.shared_data import SHARED, requires_shared

TRIANGLE = [[1, 1, 9, 1, 1, 9]]
CATEGORIES = [{"id": 1, "name": "cat"}, {"id": 3, "name": "dog"}]


def image(image_id: int, **more: Any) -> dict[str, Any]:
    return {"id": image_id, "file_name": f"{image_id:012d}.jpg", "height": HEIGHT, "width": WIDTH} | more


def annotation(
    annotation_id: int, image_id: int, segmentation: Any = TRIANGLE, **more: Any
) -> dict[str, Any]:
    fields = {"id": annotation_id, "image_id": image_id, "segmentation": segmentation, "category_id": 1}
    return fields | {"iscrowd": 0} | more


def write_source(
    folder: Path,
    images: list[Any],
    annotations: list[Any],
    annotations_path: str = "instances.json",
    images_folder: str = "images",
) -> None:
    path = folder / annotations_path
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps({"images": images, "annotations": annotations, "categories": CATEGORIES}))
    for entry in images:
        if isinstance(entry, dict) and "file_name" in entry:
            image_file(folder / images_folder / entry["file_name"])


def test_images_come_by_name_and_objects_with_id_and_category(tmp_path: Path) -> None:
    annotations = [annotation(30, 2), annotation(10, 1, category_id=3), annotation(20, 2, category_id=3)]
    write_source(tmp_path, [image(2), image(1)], annotations)
    samples, quarantined = read_all("coco", tmp_path)
    assert not quarantined
    assert [sample.key for sample in samples] == ["000000000001", "000000000002"]
    assert [(truth.object_id, truth.attributes) for truth in samples[1].objects] == [
        ("30", {"category": "cat"}),
        ("20", {"category": "dog"}),
    ]


def test_crowds_are_skipped_and_counted(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    crowd = annotation(2, 1, {"size": [HEIGHT, WIDTH], "counts": [5, HEIGHT * WIDTH - 5]}, iscrowd=1)
    write_source(tmp_path, [image(1)], [annotation(1, 1), crowd])
    with caplog.at_level("INFO"):
        (sample,), quarantined = read_all("coco", tmp_path)
    assert not quarantined
    assert list(masks_of(sample)) == ["1"]
    assert sample.attributes == {"num_crowd_skipped": 1}
    assert "1 crowd regions skipped" in caplog.text


def test_an_image_without_annotations_is_a_sample_without_objects(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1)], [])
    (sample,), quarantined = read_all("coco", tmp_path)
    assert not quarantined
    assert sample.objects == ()


def test_a_bad_object_is_a_record_before_its_sample_and_leaves_the_others(tmp_path: Path) -> None:
    empty = {"size": [HEIGHT, WIDTH], "counts": [HEIGHT * WIDTH]}
    annotations = [annotation(1, 1, empty), annotation(2, 1), annotation(2, 1), annotation(3, 2, [[1, 2]])]
    write_source(tmp_path, [image(1), image(2)], annotations)
    samples, quarantined = read_all("coco", tmp_path)
    assert [(sample.key, list(masks_of(sample))) for sample in samples] == [("000000000001", ["2"])]
    assert [(record.key, record.object_id, record.reason) for record in quarantined] == [
        ("000000000001", "1", Reason.EMPTY_OBJECT),
        ("000000000001", "2", Reason.DUPLICATE_KEY),
        ("000000000002", "3", Reason.BAD_METADATA),
    ]


def test_missing_resized_and_repeated_images_are_set_aside(tmp_path: Path) -> None:
    images = [
        image(1),
        image(2, height=HEIGHT + 1),
        image(3),
        image(4, file_name="000000000003.png"),
        image(5),
    ]
    write_source(tmp_path, images, [annotation(index, index) for index in range(1, 6)])
    (tmp_path / "images/000000000001.jpg").unlink()
    samples, quarantined = read_all("coco", tmp_path)
    assert [sample.key for sample in samples] == ["000000000005"]
    assert [(record.key[-1], record.reason) for record in quarantined] == [
        ("1", Reason.MISSING_IMAGE),
        ("2", Reason.MASK_SIZE_MISMATCH),
        ("3", Reason.DUPLICATE_KEY),
    ]


def test_entries_that_say_too_little_are_records(tmp_path: Path) -> None:
    annotations: list[Any] = [
        annotation(1, 1),
        annotation(2, 99),
        {"id": 3},
        "text",
        annotation(4, 1, category_id=7),
    ]
    write_source(tmp_path, [image(1), {"id": 2}, None, {"id": 3, "coco_url": "http://[::1"}], annotations)
    (sample,), quarantined = read_all("coco", tmp_path)
    assert [(truth.object_id, truth.attributes) for truth in sample.objects] == [
        ("1", {"category": "cat"}),
        ("4", {}),
    ]
    assert {(record.key, record.object_id) for record in quarantined} == {
        ("images[1]", None),
        ("images[2]", None),
        ("images[3]", None),
        ("annotations[2]", None),
        ("annotations[3]", None),
        ("image_id 99", "2"),
    }
    assert {record.reason for record in quarantined} == {Reason.BAD_METADATA}


def test_categories_that_are_no_list_name_nothing(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1)])
    (file,) = tmp_path.rglob("*.json")
    file.write_text(json.dumps(json.loads(file.read_text()) | {"categories": 5}))
    (sample,), _ = read_all("coco", tmp_path)
    assert [truth.attributes for truth in sample.objects] == [{}]


def test_lvis_names_its_images_by_url_alone(tmp_path: Path) -> None:
    url = "http://images.cocodataset.org/train2017/000000391895.jpg"
    entry = {"id": 391895, "coco_url": url, "height": HEIGHT, "width": WIDTH}
    write_source(tmp_path, [entry], [annotation(1, 391895)], "lvis_v1_val.json")
    image_file(tmp_path / "train2017/000000391895.jpg")
    (sample,), _ = read_all("lvis", tmp_path, LayoutOptions(split="val"))
    assert sample.key == "000000391895"


@pytest.mark.parametrize(
    ("annotations_path", "images_folder", "split"),
    [
        ("annotations/instances_val2017.json", "val2017", "val2017"),
        ("annotations/instances_val2017.json", "images/val2017", None),
        ("instances.json", "images", None),
        ("_annotations.coco.json", "", None),
    ],
)
def test_the_usual_places_of_annotations_and_images_are_found(
    tmp_path: Path, annotations_path: str, images_folder: str, split: str | None
) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1)], annotations_path, images_folder)
    (tmp_path / "annotations").mkdir(exist_ok=True)
    if split is not None:
        (tmp_path / "annotations/captions_val2017.json").write_text("{}")
        (tmp_path / "annotations/instances_train2017.json").write_text("{}")
    samples, quarantined = read_all("coco", tmp_path, LayoutOptions(split=split))
    assert (len(samples), len(quarantined)) == (1, 0)


def test_a_split_can_be_a_list_of_stems(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1), image(2), image(3)], [])
    (tmp_path / "few.txt").write_text("000000000003\n000000000001\n000000000009\n")
    samples, (record,) = read_all("coco", tmp_path, LayoutOptions(split="few"))
    assert [sample.key[-1] for sample in samples] == ["3", "1"]
    assert (record.key, record.reason) == ("000000000009", Reason.MISSING_IMAGE)


def test_several_annotation_files_need_a_split(tmp_path: Path) -> None:
    for split in ("train2017", "val2017"):
        write_source(tmp_path, [image(1)], [], f"annotations/instances_{split}.json")
    with pytest.raises(
        LayoutError, match=r"several annotation files \(.*train2017.*\): choose one with --split"
    ):
        read_all("coco", tmp_path)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is no JSON"),
        ("[" * 100_000, "is no JSON"),
        ("[1]", "has no lists `images` and `annotations`"),
        ('{"images": {}, "annotations": []}', "has no lists `images` and `annotations`"),
    ],
)
def test_a_file_that_is_not_cocos_is_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "instances.json").write_text(text)
    with pytest.raises(LayoutError, match=message):
        read_all("coco", tmp_path)


def test_annotations_whose_images_are_elsewhere_are_refused_at_once(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1), image(2)], [], images_folder="pictures")
    with pytest.raises(LayoutError, match=r"none of the 2 images of .* looks in images/ and in the source"):
        read_all("coco", tmp_path)


@pytest.mark.parametrize("name", ["../secret.jpg", "images/../../secret.jpg", "/secret.jpg", ".", ""])
def test_names_that_leave_the_source_are_set_aside(tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    image_file(tmp_path / "secret.jpg")
    write_source(source, [image(2)], [])
    document = json.loads((source / "instances.json").read_text())
    document["images"].append(image(1, file_name=name))
    (source / "instances.json").write_text(json.dumps(document))
    samples, (record,) = read_all("coco", source)
    assert [sample.key for sample in samples] == ["000000000002"]
    assert (record.key, record.reason) == ("images[1]", Reason.BAD_METADATA)


@requires_shared
def test_the_929_objects_of_the_shared_data_are_what_pycocotools_makes_of_them() -> None:
    source = SHARED / "data/coco128"
    samples, quarantined = read_all("coco", source)
    reference = COCO(str(source / "instances.json"))
    assert not quarantined
    assert (len(samples), sum(len(sample.objects) for sample in samples)) == (126, 929)
    for sample in samples:
        for truth in sample.objects:
            expected: Any = reference.annToRLE(reference.loadAnns(int(truth.object_id))[0])  # type: ignore[arg-type]
            assert truth.rle == expected["counts"]
            assert rle.area(truth.rle, sample.height, sample.width) > 0
    categories = Counter(truth.attributes["category"] for sample in samples for truth in sample.objects)
    assert categories["class_0"] == len(reference.getAnnIds(catIds=[1]))
