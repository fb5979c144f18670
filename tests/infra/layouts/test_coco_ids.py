"""Ids of COCO: of images, annotations and categories."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from infra.errors import Reason
from infra.layouts.source_note import Topic
from tests.infra.layouts.coco_source import FULL, annotation, image, told, write_source
from tests.infra.layouts.sources import masks_of, notes_of, read_all


def test_two_entries_of_one_id_are_set_aside_with_their_annotations(tmp_path: Path) -> None:
    images = [image(1), image(1, file_name="other.jpg"), image(2)]
    write_source(tmp_path, images, [annotation(7, 1), annotation(8, 1), annotation(9, 2)])
    (sample,), records = read_all("coco", tmp_path)
    assert (sample.key, list(masks_of(sample))) == ("000000000002", ["9"])
    assert {(record.key, record.object_id) for record in records} == {
        ("000000000001", None),
        ("other", None),
        ("image_id 1", "7"),
        ("image_id 1", "8"),
    }
    assert {record.reason for record in records} == {Reason.DUPLICATE_KEY}
    assert "images[0] 000000000001.jpg, images[1] other.jpg" in records[0].detail


def test_two_entries_of_one_file_are_set_aside(tmp_path: Path) -> None:
    images = [image(1), image(2, file_name="./000000000001.jpg"), image(3)]
    write_source(tmp_path, images, [annotation(7, 1), annotation(8, 2)])
    (sample,), records = read_all("coco", tmp_path)
    assert sample.key == "000000000003"
    assert [record.reason for record in records] == [Reason.DUPLICATE_KEY] * 2
    assert "have the file images/000000000001.jpg" in records[0].detail


def test_an_id_that_two_annotations_of_an_image_have_is_no_name_of_either(tmp_path: Path) -> None:
    annotations = [annotation(1, 1), annotation(1, 1, FULL), annotation(2, 1)]
    write_source(tmp_path, [image(1)], annotations)
    (sample,), records = read_all("coco", tmp_path)
    assert list(masks_of(sample)) == ["2"]
    assert [(record.object_id, record.reason) for record in records] == [("1", Reason.DUPLICATE_KEY)] * 2
    assert "annotations[0], annotations[1]" in records[0].detail


def test_an_id_that_annotations_of_different_images_have_is_kept_and_said(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1), image(2)], [annotation(5, 1), annotation(5, 2), annotation(6, 2)])
    samples, records = read_all("coco", tmp_path)
    assert not records
    assert [list(masks_of(sample)) for sample in samples] == [["5"], ["5", "6"]]
    assert told(notes_of("coco", tmp_path), Topic.READ, "others have") == ["000000000001", "000000000002"]


@pytest.mark.parametrize(
    ("image_id", "in_annotation", "said"),
    [
        (25.0, 25, "25.0"),
        (25, 25.0, "25.0"),
        ("25.0", 25, "25.0"),
        ("25", 25, '(1 and "1")'),
        (25, "25", '(1 and "1")'),
        ("25", "25", ""),
        (25, 25, ""),
        ("a-1", "a-1", ""),
    ],
)
def test_ids_are_one_however_they_are_written(
    tmp_path: Path, image_id: Any, in_annotation: Any, said: str
) -> None:
    write_source(tmp_path, [image(1, id=image_id)], [annotation(1, in_annotation, category_id=3.0)])
    (sample,), records = read_all("coco", tmp_path)
    assert not records
    assert [truth.attributes for truth in sample.objects] == [{"category": "dog"}]
    notes = [note for note in notes_of("coco", tmp_path) if "id" in note.text.split()]
    assert [said in note.text for note in notes] == ([True] if said else [])


@pytest.mark.parametrize("image_id", [None, True, 2.5, float("nan"), [], {}])
def test_what_is_no_id_is_a_record_that_shows_it(tmp_path: Path, image_id: Any) -> None:
    write_source(tmp_path, [image(1), image(2, id=image_id)], [annotation(5, 1), annotation(6, image_id)])
    (sample,), records = read_all("coco", tmp_path)
    assert sample.key == "000000000001"
    assert [record.key for record in records] == ["images[1]", "annotations[1]"]
    assert repr(image_id) in records[0].detail


def test_ids_of_objects_are_whole_numbers_too(tmp_path: Path) -> None:
    write_source(tmp_path, [image(1)], [annotation(1, 1, id=9.0)])
    (sample,), _ = read_all("coco", tmp_path)
    assert list(masks_of(sample)) == ["9"]
