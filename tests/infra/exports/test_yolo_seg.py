"""YOLO segmentation: one ring for an object."""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
import numpy.typing as npt
import pytest
import yaml
from hypothesis import given

from infra.exports.one_ring import one_ring
from infra.exports.yolo_seg import label_path
from tests.infra.exports.drawn_masks import masks_of_image
from tests.infra.exports.written import HARD_NAMES, exported_object, exported_sample, round_trip, write_export


def _num_parts(mask: npt.NDArray[np.bool_]) -> int:
    return int(cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)[0]) - 1


@given(masks=masks_of_image())
def test_masks_of_one_part_come_back_exactly_and_others_with_nothing_but_bridges_added(
    masks: list[npt.NDArray[np.bool_]],
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = round_trip(Path(folder), "yolo-seg", masks)
    for mask, other in zip(masks, found, strict=True):
        if _num_parts(mask) <= 1:
            np.testing.assert_array_equal(other, mask)
        assert not (mask & ~other).any()


def test_bridges_are_the_shortest_that_join_all_parts() -> None:
    mask = np.zeros((40, 60), bool)
    mask[5:10, 5:10] = mask[5:10, 14:20] = mask[20:30, 7:9] = mask[5:10, 55:60] = True
    (found,) = _round_trip_in_folder([mask])
    # 4 columns between the first two, 10 rows down to the third, 35 columns to the last
    assert (found & ~mask).sum() == 4 + 10 + 35


def test_an_island_in_a_hole_stays_an_island_but_for_its_bridge() -> None:
    mask = np.zeros((30, 30), bool)
    mask[2:28, 2:28] = True
    mask[6:24, 6:24] = False
    mask[12:18, 12:18] = True
    (found,) = _round_trip_in_folder([mask])
    assert not (mask & ~found).any()
    assert (found & ~mask).sum() == 6


@pytest.mark.parametrize(
    "rows, columns", [(slice(3, 4), slice(3, 4)), (slice(3, 4), slice(0, 9)), (slice(0, 9), slice(8, 9))]
)
def test_objects_one_pixel_thick_survive_and_their_lines_are_no_boxes(
    rows: slice, columns: slice, tmp_path: Path
) -> None:
    mask = np.zeros((9, 9), bool)
    mask[rows, columns] = True
    (found,) = round_trip(tmp_path, "yolo-seg", [mask])
    np.testing.assert_array_equal(found, mask)
    (line,) = (tmp_path / "labels/a.txt").read_text().splitlines()
    assert len(line.split()) >= 7  # a class and three points: five numbers are a box


def test_images_without_objects_have_an_empty_file_and_an_empty_mask_has_no_line(tmp_path: Path) -> None:
    nothing = exported_object("1", np.zeros((5, 5), bool))
    whole = exported_object("2", np.ones((5, 5), bool))
    samples = [exported_sample("a", (5, 5), []), exported_sample("b", (5, 5), [nothing, whole])]
    write_export(tmp_path, "yolo-seg", samples)
    assert (tmp_path / "labels/a.txt").read_bytes() == b""
    assert len((tmp_path / "labels/b.txt").read_text().splitlines()) == 1


def test_names_of_classes_come_out_of_data_yaml_as_they_went_in(tmp_path: Path) -> None:
    names = (*HARD_NAMES, "\x07\x7f\x85\ufeff", "")
    objects = [exported_object(str(n), np.ones((4, 4), bool), name) for n, name in enumerate(names)]
    write_export(tmp_path, "yolo-seg", [exported_sample("a", (4, 4), objects)])
    document = yaml.safe_load((tmp_path / "data.yaml").read_text("utf-8"))
    assert document["names"] == dict(enumerate(names))
    assert document["train"] == document["val"] == "images"


def test_labels_lie_where_ultralytics_looks_for_them() -> None:
    assert label_path("a/b.c/d.png") == "labels/a/b.c/d.txt"
    assert label_path("images/d.png") == "images/labels/d.txt"


def test_a_ring_of_a_rectangle_has_its_corners_alone() -> None:
    assert len(one_ring(np.ones((7, 5), bool))) == 4


def _round_trip_in_folder(masks: list[npt.NDArray[np.bool_]]) -> list[npt.NDArray[np.bool_]]:
    with tempfile.TemporaryDirectory() as folder:
        return round_trip(Path(folder), "yolo-seg", masks)
