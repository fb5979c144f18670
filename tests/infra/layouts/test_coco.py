"""COCO and LVIS."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pycocotools.coco import COCO

from infra import rle
from infra.errors import Reason
from infra.layout_options import CrowdRegions, LayoutOptions
from infra.layouts.source_note import Topic
from tests.infra.layouts.coco_source import FULL, TRIANGLE, annotation, image, told, write_source
from tests.infra.layouts.sources import HEIGHT, WIDTH, image_file, masks_of, notes_of, read_all
from tests.shared_data import SHARED, requires_shared


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


AREA = 28  # of the triangle, as pycocotools rasterises it


@pytest.mark.parametrize("written", [1, True, "1"])
def test_crowd_regions_are_left_out_one_note_each_or_taken_by_the_option(
    tmp_path: Path, written: Any
) -> None:
    crowd = [annotation(index, 1, FULL, iscrowd=written) for index in (2, 3)]
    write_source(tmp_path, [image(1)], [annotation(1, 1), *crowd])
    (sample,), quarantined = read_all("coco", tmp_path)
    assert not quarantined
    assert list(masks_of(sample)) == ["1"]
    left_out = told(notes_of("coco", tmp_path), Topic.LEFT_OUT, "--crowd objects")
    assert left_out == ["000000000001"] * 2
    taking = LayoutOptions(crowd="objects")
    (sample,), _ = read_all("coco", tmp_path, taking)
    assert {name: int(mask.sum()) for name, mask in masks_of(sample).items()} == {
        "1": AREA,
        "2": HEIGHT * WIDTH - 5,
        "3": HEIGHT * WIDTH - 5,
    }
    assert len(told(notes_of("coco", tmp_path, taking), Topic.READ, "--crowd objects")) == 2


@pytest.mark.parametrize("written", [0, False, "0", "false", None, ""])
def test_what_is_no_crowd_region_is_an_object(tmp_path: Path, written: Any) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1, FULL, iscrowd=written)])
    (sample,), _ = read_all("coco", tmp_path)
    assert list(masks_of(sample)) == ["1"]


def test_an_image_without_annotations_is_a_sample_without_objects(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1)], [])
    (sample,), quarantined = read_all("coco", tmp_path)
    assert not quarantined
    assert sample.objects == ()
    assert told(notes_of("coco", tmp_path), Topic.READ, "without objects") == ["000000000001"]


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
        ("3", Reason.DUPLICATE_KEY),
    ]
    assert "12 x 16" in quarantined[1].detail
    assert "images[2] 000000000003.jpg, images[3] 000000000003.png" in quarantined[2].detail


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"bbox": [1, 1, 5, 5]}, "a bbox and no segmentation"),
        ({"keypoints": [1, 1, 2], "bbox": [1, 1, 5, 5]}, "keypoints and no segmentation"),
        ({}, "no segmentation"),
    ],
)
@pytest.mark.parametrize("segmentation", [[], None])
def test_annotations_without_a_mask_are_records_that_say_what_they_have(
    tmp_path: Path, more: dict[str, Any], said: str, segmentation: Any
) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1, segmentation, **more), annotation(2, 1)])
    (sample,), (record,) = read_all("coco", tmp_path)
    assert list(masks_of(sample)) == ["2"]
    assert (record.object_id, record.reason) == ("1", Reason.MISSING_MASK)
    assert said in record.detail


def test_keypoints_beside_a_mask_are_said_to_be_left_out(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1, keypoints=[1, 1, 2])])
    assert told(notes_of("coco", tmp_path), Topic.LEFT_OUT, "keypoints") == ["000000000001"]


def test_categories_that_the_file_does_not_name_are_said(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1, category_id=7), annotation(2, 1, category_id=None)])
    (sample,), _ = read_all("coco", tmp_path)
    assert [truth.attributes for truth in sample.objects] == [{}, {}]
    assert told(notes_of("coco", tmp_path), Topic.DOUBT, "without a category") == ["000000000001"]


@pytest.mark.parametrize(
    ("box", "is_doubtful"),
    [
        ([1, 1, 8, 8], False),
        ([0, 0, 9, 9], False),
        ([8, 8, 8, 4], True),
        ([1, 1, 3, 2], True),
        ("text", False),
    ],
)
def test_a_mask_outside_the_bbox_of_its_annotation_is_doubtful(
    tmp_path: Path, box: Any, is_doubtful: bool
) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1, bbox=box)])
    assert len(told(notes_of("coco", tmp_path), Topic.DOUBT, "bbox")) == is_doubtful


def test_a_file_whose_coordinates_are_all_below_100_is_doubtful_if_its_images_are_large(
    tmp_path: Path,
) -> None:
    ring = [[20.5, 30, 80, 30, 80, 99]]
    names = [f"{index}.jpg" for index in range(3)]
    images = [{"id": index, "file_name": name} for index, name in enumerate(names)]
    write_source(tmp_path, images, [annotation(index, index, ring) for index in range(3)])
    for name in names:
        image_file(tmp_path / "images" / name, 300, 400)
    assert told(notes_of("coco", tmp_path), Topic.DOUBT, "percent") == ["instances.json"]
    image_file(tmp_path / "images" / names[0], 110, 110)
    assert not told(notes_of("coco", tmp_path), Topic.DOUBT, "percent")


def test_what_is_told_of_a_polygon_carries_the_key_of_its_sample(tmp_path: Path) -> None:
    write_source(
        tmp_path, [image(1)], [annotation(1, 1, [1, 1, 9, 1, 1, 9]), annotation(2, 1, [*TRIANGLE, [1, 2]])]
    )
    (sample,), records = read_all("coco", tmp_path)
    assert not records
    assert {int(mask.sum()) for mask in masks_of(sample).values()} == {AREA}
    notes = notes_of("coco", tmp_path)
    assert told(notes, Topic.READ, "one list of numbers") == ["000000000001"]
    assert told(notes, Topic.LEFT_OUT, "fewer than three points") == ["000000000001"]


@given(data=st.data())
@settings(max_examples=30, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_annotation_is_an_object_a_record_or_a_note(tmp_path: Path, data: st.DataObject) -> None:
    segmentations = st.sampled_from([TRIANGLE, TRIANGLE[0], FULL, [], None, [[1, 2]], "text", 5])
    annotations = [
        annotation(annotation_id, image_id, segmentation, iscrowd=iscrowd)
        for annotation_id, image_id, segmentation, iscrowd in data.draw(
            st.lists(
                st.tuples(
                    st.sampled_from([1, 2, 3.0, "4", None]),
                    st.sampled_from([1, "2", 3.0, 99, None]),
                    segmentations,
                    st.integers(0, 1),
                ),
                max_size=12,
            )
        )
    ]
    folder = tmp_path / str(data.draw(st.uuids()))
    write_source(folder, [image(1), image(2), image(3), image(3, file_name="b.jpg")], annotations)
    samples, records = read_all("coco", folder)
    objects = sum(len(sample.objects) for sample in samples)
    of_annotations = [
        record for record in records if record.object_id or record.key.startswith("annotations")
    ]
    crowd = told(notes_of("coco", folder), Topic.LEFT_OUT, "crowd")
    assert objects + len(of_annotations) + len(crowd) == len(annotations)


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


def test_a_split_can_be_a_list_of_stems(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1), image(2), image(3)], [])
    (tmp_path / "few.txt").write_text("000000000003\n000000000001\n000000000009\n")
    samples, (record,) = read_all("coco", tmp_path, LayoutOptions(split="few"))
    assert [sample.key[-1] for sample in samples] == ["3", "1"]
    assert (record.key, record.reason) == ("000000000009", Reason.MISSING_IMAGE)


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


@requires_shared
@pytest.mark.parametrize(
    ("case", "crowd", "num_objects", "num_records"),
    [
        ("F05/in", "skip", 1, 0),
        ("F05/in", "objects", 6, 0),
        ("F06/in", "skip", 2, 6),
        ("F12/coco_size", "skip", 0, 3),
        ("F13/float", "skip", 6, 0),
        ("F13/nested", "skip", 6, 0),
        ("F13/case", "skip", 6, 0),
        ("F13/winpaths", "skip", 6, 0),
        ("F13/absolute", "skip", 6, 0),
    ],
)
def test_exports_from_the_field_are_read_or_set_aside(
    case: str, crowd: CrowdRegions, num_objects: int, num_records: int
) -> None:
    source = SHARED / "cases" / case
    samples, records = read_all("coco", source, LayoutOptions(crowd=crowd))
    assert (sum(len(sample.objects) for sample in samples), len(records)) == (num_objects, num_records)
    doubts = [note.text for note in notes_of("coco", source) if note.topic is Topic.DOUBT]
    assert not doubts  # every mask lies in the bbox of its annotation
