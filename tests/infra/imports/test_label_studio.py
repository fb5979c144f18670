"""Label Studio's exports as corrected labels."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra import rle
from infra.errors import LabelImportError
from infra.exports.brush_rle import brush_rle
from infra.imports.labelled_image import LabelledImage
from infra.imports.read_labels import OLDER, CorrectedLabels
from tests.infra.exports.drawn_samples import exported_object
from tests.infra.imports.programs import images_a_and_b, read
from tests.infra.sample_factory import rectangle

MASK = rectangle(6, 8, slice(1, 4), slice(2, 5))
PACKED = list(brush_rle(exported_object("1", MASK), 6, 8))
NOT_REVIEWED = "tasks of Label Studio without an annotation, whose images count as not reviewed"


def region(**changes: Any) -> dict[str, Any]:
    """A brush mask that came from a prediction of an export."""
    return {
        "id": "mask0",
        "type": "brushlabels",
        "value": {"rle": PACKED, "format": "rle", "brushlabels": ["cat"]},
        "origin": "prediction-changed",
        "to_name": "image",
        "from_name": "label",
        "image_rotation": 0,
        "original_width": 8,
        "original_height": 6,
        "meta": {"object_id": "1", "quality": 0.75},
    } | changes


def annotation(*regions: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": 12,
        "completed_by": 1,
        "result": list(regions),
        "was_cancelled": False,
        "ground_truth": False,
        "created_at": "2026-11-29T10:00:00.000000Z",
        "updated_at": "2026-11-29T10:05:00.123456Z",
        "lead_time": 12.5,
        "task": 5,
    } | changes


def task(*annotations: Any, **changes: Any) -> dict[str, Any]:
    return {
        "id": 5,
        "annotations": list(annotations),
        "drafts": [],
        "predictions": [{"id": 9, "model_version": "lite0", "result": [region()], "task": 5}],
        "data": {"image": "/data/upload/3/0f1e2d3c-a.png", "sample_key": "a"},
        "meta": {},
        "created_at": "2026-11-29T09:00:00.000000Z",
        "updated_at": "2026-11-29T10:05:00.123456Z",
        "project": 3,
    } | changes


def labels(tmp_path: Path, *tasks: Any) -> CorrectedLabels:
    (tmp_path / "project.json").write_text(json.dumps(list(tasks)))
    return read(tmp_path / "project.json", name="label-studio")


def image(tmp_path: Path, *regions: Any) -> LabelledImage:
    return labels(tmp_path, task(annotation(*regions))).images["a"]


def test_brush_masks_and_polygons_come_with_their_ids_and_labels(tmp_path: Path) -> None:
    points = [[25, 50], [75, 50], [75, 100], [25, 100]]  # percent
    polygon = {"points": points, "closed": True, "polygonlabels": ["dog"]}
    found = image(tmp_path, region(), region(id="x", type="polygonlabels", value=polygon, meta=None))
    first, second = found.shapes
    assert (first.object_id, first.category, first.is_polygon) == ("1", "cat", False)
    assert np.array_equal(rle.decode(first.rle, 6, 8), MASK)
    assert (second.object_id, second.category, second.is_polygon) == ("", "dog", True)
    assert np.array_equal(rle.decode(second.rle, 6, 8), rectangle(6, 8, slice(3, 6), slice(2, 6)))
    assert found.edited == datetime(2026, 11, 29, 10, 5, 0, 123456, tzinfo=UTC)


def test_a_brush_mask_that_is_longer_than_any_of_its_image_is_refused_before_it_is_unpacked(
    tmp_path: Path,
) -> None:
    longest = 7 + 6 * 8 * 4 * 7
    for length, told in (
        (longest, "a brush mask without pixels"),
        (longest + 1, r"a brush mask of 1,352 bytes"),
    ):
        value = {"rle": [0] * length, "format": "rle", "brushlabels": ["cat"]}
        with pytest.raises(LabelImportError, match=told):
            image(tmp_path, region(value=value))


def test_the_name_of_an_image_is_not_asked_for_if_the_file_has_its_key(tmp_path: Path) -> None:
    found = labels(tmp_path, task(annotation(region()), data={"photo": "no name", "sample_key": "a"}))
    assert list(found.images) == ["a"]


def test_a_brush_and_the_label_of_its_region_are_one_shape(tmp_path: Path) -> None:
    brush = region(type="brush", value={"rle": PACKED, "format": "rle"})
    label = region(type="labels", value={"rle": PACKED, "format": "rle", "labels": ["dog"]})
    (shape,) = image(tmp_path, brush, label).shapes
    assert (shape.category, shape.object_id) == ("dog", "1")


def test_json_min_is_read_without_ids(tmp_path: Path) -> None:
    value = {
        "format": "rle",
        "rle": PACKED,
        "brushlabels": ["cat"],
        "original_width": 8,
        "original_height": 6,
    }
    entry = {
        "image": "/data/upload/3/0f1e2d3c-a.png",
        "sample_key": "a",
        "id": 5,
        "label": [value],
        "annotator": 1,
        "annotation_id": 12,
        "created_at": "2026-11-29T10:00:00.000000Z",
        "updated_at": "2026-11-29T10:05:00.123456Z",
        "lead_time": 12.5,
    }
    found = labels(tmp_path, entry, {"image": "folder/b.png", "id": 6, "annotation_id": None})
    (shape,) = found.images["a"].shapes
    assert (shape.object_id, shape.category, np.array_equal(rle.decode(shape.rle, 6, 8), MASK)) == (
        "",
        "cat",
        True,
    )
    assert list(found.images) == ["a"]
    assert found.left_out == {NOT_REVIEWED: 1}


def test_tasks_that_nobody_has_submitted_are_not_reviewed(tmp_path: Path) -> None:
    found = labels(
        tmp_path,
        task(data={"image": "nowhere.png"}),
        task(annotation(region(), was_cancelled=True)),
        {"data": {"image": "folder/b.png"}, "predictions": []},
    )
    assert found.images == {}
    assert found.left_out == {NOT_REVIEWED: 3, "annotations of Label Studio that were cancelled": 1}


def test_an_annotation_without_a_region_says_that_the_image_shows_nothing(tmp_path: Path) -> None:
    assert image(tmp_path).shapes == ()


@pytest.mark.parametrize("is_last", [False, True])
def test_the_newest_annotation_of_an_image_counts_and_the_others_are_told(
    tmp_path: Path, is_last: bool
) -> None:
    new, old = annotation(region()), annotation(updated_at="2026-11-28T23:00:00-02:00")
    both = [old, new] if is_last else [new, old]
    for found in (labels(tmp_path, task(*both)), labels(tmp_path, task(both[0]), task(both[1]))):
        assert len(found.images["a"].shapes) == 1
        assert found.left_out == {OLDER: 1}


def test_regions_that_are_no_masks_are_left_out_and_told(tmp_path: Path) -> None:
    box = {"x": 1, "y": 2, "width": 3, "height": 4, "rectanglelabels": ["cat"]}
    found = labels(tmp_path, task(annotation(region(type="rectanglelabels", value=box), {"type": "choices"})))
    assert found.images["a"].shapes == ()
    assert found.left_out == {"regions of Label Studio that are neither brush masks nor polygons": 2}


def test_an_image_without_a_sample_key_is_found_by_its_name(tmp_path: Path) -> None:
    known = images_a_and_b()
    (tmp_path / "p.json").write_text(json.dumps([task(annotation(), data={"photo": "s3://x/folder/b.png"})]))
    assert list(read(tmp_path / "p.json", known).images) == ["folder/b"]
    assert known.named == {"folder/b"}


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"original_width": 6, "original_height": 8}, "has 8 x 6 pixels, and sample 'a' of the run 6 x 8"),
        ({"original_width": None}, "original_width is None: it must be a finite number"),
        ({"original_height": 10**400}, "it must be a finite number"),
        ({"image_rotation": 90}, "image_rotation is 90: turn the image back"),
        ({"value": 5}, "value is 5: it must be a JSON object"),
        ({"value": {"rle": 10**12}}, "rle is 1000000000000: it must be a list"),
        ({"value": {"rle": [256]}}, "is no mask of sample 'a'"),
        ({"value": {"rle": ["a"]}}, "is no mask of sample 'a'"),
        ({"value": {"rle": []}}, "is no mask of sample 'a'"),
        ({"value": {"rle": PACKED[:-2]}}, "is no mask of sample 'a'"),
        ({"value": {"rle": [255, 255, 255, 255, *PACKED[4:]]}}, "is no mask of sample 'a'"),
        ({"value": {"points": [[1, 2], [3, 4, 5], [6, 7]]}}, r"\[3, 4, 5\] is no point"),
        ({"value": {"points": [[1, 2], [3, float("nan")], [6, 7]]}}, "a point is nan: it must be a finite"),
        ({"value": {"points": [[1, 2], [3, 4]]}}, "fewer than three points"),
        ({"value": {"rle": PACKED, "brushlabels": ["cat", "dog"]}}, "it has 2 labels .* keep one of them"),
        ({"value": {"rle": PACKED, "brushlabels": "cat"}}, "brushlabels is 'cat': it must be a list"),
        ({"value": {"rle": PACKED, "brushlabels": [{}]}}, "brushlabels is {}: it must be text"),
        ({"meta": {"object_id": ["1"]}}, r"object_id is \['1'\]: it must be text"),
    ],
)
def test_a_region_that_is_no_mask_of_its_image_is_one_line_that_says_which(
    tmp_path: Path, changes: dict[str, Any], told: str
) -> None:
    with pytest.raises(
        LabelImportError, match=rf"project\.json task 0 \(counted from 0\): region 1.*{told}"
    ) as caught:
        image(tmp_path, {"type": "choices"}, region(**changes))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "told"),
    [
        (5, "task 0 .* is 5: it must be a JSON object"),
        (task(5), "an annotation is 5: it must be a JSON object"),
        (task(annotation(result=None)), "the result of an annotation is None: it must be a list"),
        (task(annotation(5)), "region 0 is 5: it must be a JSON object"),
        (task(annotation(updated_at="yesterday")), "updated_at is 'yesterday': it must be a time"),
        (task(annotation(updated_at=5)), "updated_at is 5: it must be a time"),
        (task(annotation(), data=None), "data is None: it must be a JSON object"),
        (task(annotation(), data={}), "its data has 0 names of images"),
        (task(annotations={}), "annotations is {}: it must be a list"),
    ],
)
def test_a_task_that_is_none_is_refused(tmp_path: Path, entry: Any, told: str) -> None:
    with pytest.raises(LabelImportError, match=told):
        labels(tmp_path, entry)
