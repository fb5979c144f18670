"""Formats that keep every pixel: Label Studio, CVAT, FiftyOne."""

from __future__ import annotations

import json
import tempfile
import time
from contextlib import closing
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import numpy.typing as npt
import pytest
from hypothesis import given

from infra import rle
from infra.errors import ExportError
from infra.exports.brush_rle import counts_of_brush
from infra.exports.exported_sample import ExportedObject
from infra.exports.format_names import FormatName
from infra.exports.formats import FORMATS
from infra.exports.mask_window import counts_of
from infra.runs.tables import BoundingBox
from tests.infra.exports.drawn_masks import masks_of_image
from tests.infra.exports.written import (
    HARD_NAMES,
    exported_object,
    exported_sample,
    masks_read,
    round_trip,
    write_export,
)

EXACT: tuple[FormatName, ...] = ("label-studio", "cvat", "fiftyone")


@pytest.mark.parametrize("name", EXACT)
@given(masks=masks_of_image())
def test_masks_come_back_pixel_for_pixel(name: FormatName, masks: list[npt.NDArray[np.bool_]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        found = round_trip(Path(folder), name, masks)
    assert len(found) == len(masks)
    for mask, other in zip(masks, found, strict=True):
        np.testing.assert_array_equal(other, mask)


@pytest.mark.parametrize("name", (*EXACT, "yolo-seg"))
def test_keys_with_folders_and_dots_and_odd_ids_and_names_come_back(name: FormatName, tmp_path: Path) -> None:
    mask = np.zeros((6, 8), bool)
    mask[1:3, 2:5] = True
    objects = [
        exported_object(f'{n}/"<é>.\r\n', mask, label, {"quality": 0.25})
        for n, label in enumerate(HARD_NAMES)
    ]
    keys = ("a/b.c/d.e", "images/x", "a/b.c", "ä <b> & 'c'", "../up")
    samples = [exported_sample(key, (6, 8), objects) for key in keys]
    target = write_export(tmp_path / "out", name, samples)
    for found in masks_read(target, name, samples):
        assert all((other == mask).all() for other in found) and len(found) == len(objects)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("name", (*EXACT, "yolo-seg"))
def test_an_image_that_is_not_in_its_place_is_no_image_with_other_masks(
    name: FormatName, tmp_path: Path
) -> None:
    samples = [exported_sample(key, (4, 4), [exported_object("1", np.ones((4, 4), bool))]) for key in "ab"]
    target = write_export(tmp_path, name, samples)
    with pytest.raises(ExportError, match=r"(lacks|has not the objects of) .*sample 'b': export again"):
        masks_read(target, name, samples[::-1])


@pytest.mark.parametrize("name", ("label-studio", "cvat", "yolo-seg"))
def test_ten_thousand_objects_on_an_image_take_less_than_ten_seconds(
    name: FormatName, tmp_path: Path
) -> None:
    # FiftyOne has a file per mask: the disk decides
    objects, window = [], np.ones((5, 4), np.bool_)
    for number in range(10_000):
        x, y = number % 100 * 6, number // 100 * 6
        box = BoundingBox(x, y, 4, 5)
        counts = counts_of(window, x, y, 600, 600)
        objects.append(ExportedObject(str(number), "object", counts, box, window.size))
    sample = exported_sample("a", (600, 600), objects)
    start = time.process_time()
    with closing(FORMATS[name].read(write_export(tmp_path, name, [sample]))) as reader:
        found = reader.masks(sample)
    assert time.process_time() - start < 10
    assert list(found) == [one.rle for one in objects]


@pytest.mark.parametrize("name", ("png", "fiftyone"))
def test_files_of_objects_and_of_images_whose_names_differ_in_case_do_not_meet(
    name: FormatName, tmp_path: Path
) -> None:
    left, right = np.zeros((4, 6), bool), np.zeros((4, 6), bool)
    left[:, :3] = right[:, 3:] = True
    objects = [exported_object("A", left), exported_object("a", right), exported_object("\u00c0", left)]
    # a folder of the first sample has the name of a file of another's: it is escaped
    samples = [exported_sample(key, (4, 6), objects) for key in ("k", "k/A.png", "l")]
    target = write_export(tmp_path, name, samples)
    for found in masks_read(target, name, samples):
        assert [mask.tolist() for mask in found] == [left.tolist(), right.tolist(), left.tolist()]
    files = [path for path in tmp_path.rglob("*.png") if path.is_file()]
    assert len({str(path).casefold() for path in files}) == len(files) == 9


def test_cvat_declares_every_label_and_counts_of_a_mask_add_up_to_its_box(tmp_path: Path) -> None:
    mask = np.zeros((5, 7), bool)
    mask[1:4, 2:5] = True
    mask[2, 3] = False
    objects = [exported_object(str(n), mask, label, {"iou": 0.5}) for n, label in enumerate(HARD_NAMES)]
    write_export(tmp_path, "cvat", [exported_sample("a", (5, 7), objects)])
    root = ElementTree.parse(tmp_path / "annotations.xml").getroot()
    labels = [label.findtext("name") for label in root.iterfind("meta/task/labels/label")]
    assert labels == list(HARD_NAMES) == [mask.get("label") for mask in root.iter("mask")]
    first = root.find("image/mask")
    assert first is not None
    assert first.get("rle") == "0, 4, 1, 4"
    assert [first.get(side) for side in ("left", "top", "width", "height")] == ["2", "1", "3", "3"]


def test_a_class_that_xml_cannot_hold_is_refused(tmp_path: Path) -> None:
    sample = exported_sample("a", (2, 2), [exported_object("1", np.ones((2, 2), bool), "bell \x07")])
    for name in ("cvat", "label-studio"):
        with pytest.raises(ExportError, match="choose another format"):
            write_export(tmp_path, name, [sample])


def test_label_studio_gets_its_interface_and_quality_as_scores(tmp_path: Path) -> None:
    objects = [
        exported_object(str(n), np.ones((2, 2), bool), label, {"quality": quality})
        for n, (label, quality) in enumerate(zip(HARD_NAMES, (0.5, 0.25, 1, 1, 1, 1, 1), strict=True))
    ]
    write_export(tmp_path, "label-studio", [exported_sample("a", (2, 2), objects)])
    interface = ElementTree.parse(tmp_path / "labelling.xml").getroot()
    assert [label.get("value") for label in interface.iter("Label")] == list(HARD_NAMES)
    (task,) = json.loads((tmp_path / "tasks.json").read_text("utf-8"))
    (prediction,) = task["predictions"]
    assert prediction["score"] == 0.25 and prediction["model_version"] == "lite0"
    assert [region["score"] for region in prediction["result"]][:2] == [0.5, 0.25]
    assert task["data"] == {"image": "images/a.png", "sample_key": "a"}


def test_brush_masks_of_other_writers_may_have_values_one_by_one() -> None:
    # 8 values: two pixels; 8 bits a value; lengths of 1 bit; four values one by one, two runs of two values
    bits = f"{8:032b}{7:05b}" + "0000" * 4
    bits += "0" + "00" + "1" + "00000001" * 2 + "0" + "00" + "1" + "00000000" + "11111111"
    bits += ("1" + "00" + "1" + "00000000") * 2
    packed = int(bits.ljust(-(-len(bits) // 8) * 8, "0"), 2).to_bytes(-(-len(bits) // 8), "big")
    np.testing.assert_array_equal(rle.decode(counts_of_brush(packed, 1, 2), 1, 2), [[True, False]])
