"""Masks come back from the files of each format as they went in, and what does not fit is refused."""

from __future__ import annotations

import tempfile
import time
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings

from infra import rle
from infra.errors import ExportError
from infra.exports.coco import COCO
from infra.exports.datasets import DATASETS
from infra.exports.export_format import ExportFormat
from infra.exports.exported_sample import ExportedSample
from infra.exports.lvis import LVIS
from infra.exports.outlines import outlines
from infra.exports.png import PNG
from infra.exports.voc import VOC
from tests.infra.exports.drawn_samples import exported_sample, masks_of, read, samples, target_at, write

ANY = [COCO, LVIS, PNG, DATASETS]
named = pytest.mark.parametrize("known", [*ANY, VOC], ids=lambda known: known.name)


def check(known: ExportFormat, drawn: list[ExportedSample], folder: str) -> None:
    target = target_at(folder)
    write(known, target, drawn)
    assert read(known, target, drawn) == masks_of(drawn)


@pytest.mark.parametrize("known", ANY, ids=lambda known: known.name)
@settings(max_examples=30)
@given(drawn=samples())
def test_every_mask_comes_back_pixel_for_pixel(known: ExportFormat, drawn: list[ExportedSample]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(known, drawn, folder)


@settings(max_examples=40)
@given(drawn=samples(are_apart=True))
def test_masks_that_are_apart_come_back_from_voc(drawn: list[ExportedSample]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        check(VOC, drawn, folder)


@named
def test_masks_come_back_from_any_storage(known: ExportFormat, folder_url: str) -> None:
    mask = np.zeros((5, 7), bool)
    mask[1:4, 2:5] = True
    check(known, [exported_sample("a/b", [mask, ~mask]), exported_sample("none", [])], folder_url)


@pytest.mark.parametrize("known", [COCO, LVIS], ids=lambda known: known.name)
@settings(max_examples=30)
@given(drawn=samples())
def test_polygons_keep_all_but_holes(known: ExportFormat, drawn: list[ExportedSample]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        target = target_at(folder, "polygons")
        write(known, target, drawn)
        for sample, found in zip(drawn, read(known, target, drawn), strict=True):
            for one, counts in zip(sample.objects, found, strict=True):
                mask = rle.decode(one.rle, sample.height, sample.width)
                back = rle.decode(counts, sample.height, sample.width)
                assert not (mask & ~back).any(), "no pixel is lost"
                if sum(len(ring) for ring in outlines(mask)) == 0:
                    assert not back.any()


@pytest.mark.parametrize("known", ANY, ids=lambda known: known.name)
def test_ten_thousand_objects_of_an_image_go_out_and_come_back(known: ExportFormat, tmp_path: Path) -> None:
    many = []
    for number in range(10_000):
        mask = np.zeros((20, 30), bool)
        mask[number % 20, number % 30 :] = True
        many.append(mask)
    begin = time.process_time()
    check(known, [exported_sample("a", many)], str(tmp_path))
    assert time.process_time() - begin < 20


def bars(count: int, *, height: int = 16, width: int = 32) -> list[np.ndarray]:
    """As many masks of one pixel each."""
    found = []
    for number in range(count):
        mask = np.zeros((height, width), bool)
        mask.flat[number] = True
        found.append(mask)
    return found


def test_voc_has_room_for_254_objects_and_refuses_one_more(tmp_path: Path) -> None:
    check(VOC, [exported_sample("a", bars(254))], str(tmp_path / "fits"))
    with pytest.raises(
        ExportError, match=r"^sample 'a' has 255 objects, .* room for 254: export as png or coco$"
    ):
        write(VOC, target_at(tmp_path / "no"), [exported_sample("a", bars(255))])


def test_voc_has_room_for_254_classes_and_refuses_one_more(tmp_path: Path) -> None:
    of_images = [
        exported_sample(f"s{part}", bars(127), [f"class {127 * part + place}" for place in range(127)])
        for part in range(3)
    ]
    check(VOC, of_images[:2], str(tmp_path / "fits"))
    with pytest.raises(
        ExportError, match=r"sample 's2' brings class number 255, 'class 254'.*export as coco or png"
    ):
        write(VOC, target_at(tmp_path / "no"), of_images)


def test_voc_refuses_what_a_pixel_cannot_say(tmp_path: Path) -> None:
    one, two, empty = np.zeros((3, 4), bool), np.zeros((3, 4), bool), np.zeros((3, 4), bool)
    one[0, :2], two[0, 1:] = True, True
    with pytest.raises(
        ExportError, match=r"objects '1' and '2' of sample 'k/1' overlap.*export as png or coco"
    ):
        write(VOC, target_at(tmp_path), [exported_sample("k/1", [one, two])])
    with pytest.raises(ExportError, match=r"object '2' of sample 'k' has no pixel.*--where 'area > 0'"):
        write(VOC, target_at(tmp_path), [exported_sample("k", [one, empty])])


@pytest.mark.parametrize("name", ["a:b", "two\nlines", "background", "#x", " x", "x\x00"])
def test_voc_refuses_a_class_that_its_label_map_would_read_as_another(name: str, tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"which labelmap\.txt of voc cannot hold") as caught:
        write(VOC, target_at(tmp_path), [exported_sample("k", bars(1), [name])])
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("known", ANY, ids=lambda known: known.name)
@pytest.mark.parametrize("name", ["a\nb", "a\r\nb", "x\x00", "\u2028", "'\"\\,;:", "👩‍🚀"])
def test_class_names_of_any_characters_come_back(known: ExportFormat, name: str, tmp_path: Path) -> None:
    check(known, [exported_sample("k", bars(2), [name, "other"])], str(tmp_path))
