"""Which pixels count neither as object nor as background, and what is said of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra.errors import Reason, SampleError
from infra.layout_options import LayoutOptions, MaskValues
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from infra.layouts.object_values import ObjectValues
from tests.infra.layouts.drawn_masks import (
    BINARY,
    BLACK,
    INSTANCES,
    colours,
    deep_png,
    disk,
    grey,
    saved,
    with_palette,
)
from tests.infra.layouts.sources import image_file, mask_file, masks_of, notes_of, read_all, rectangle

CORNER = np.s_[:6, :9]
VOC_OF_COLOURS = MaskReading(
    "binary", ignore_value=255, ignore_is_told=False, void_colours=((224, 224, 192),)
)


def red_with_corner(corner: tuple[int, int, int]) -> np.ndarray:
    values = colours(BLACK, (255, 0, 0))
    values[CORNER] = corner
    return values


def corner() -> np.ndarray:
    mask = np.zeros(disk().shape, np.bool_)
    mask[CORNER] = True
    return mask


@pytest.mark.parametrize("deep", [False, True])
def test_an_ignored_value_of_a_colour_mask_is_that_grey_and_no_channel(deep: bool) -> None:
    values = red_with_corner((255, 255, 255))
    data = deep_png(values[:, :, ::-1].astype(np.uint16) * 257) if deep else saved(values)
    mask = read_mask(data, MaskReading("binary", ignore_value=255))
    np.testing.assert_array_equal(mask.values == 1, disk())
    np.testing.assert_array_equal(mask.ignored, corner())
    assert "the grey 255 does not count (--ignore-value)" in mask.meaning


def test_an_ignored_value_that_no_pixel_has_is_said() -> None:
    mask = read_mask(saved(colours(BLACK, (255, 0, 0))), MaskReading("binary", ignore_value=255))
    np.testing.assert_array_equal(mask.values == 1, disk())
    assert "no pixel is the grey 255 (--ignore-value)" in mask.meaning


def test_the_void_colour_of_voc_is_ignored_in_its_layout() -> None:
    mask = read_mask(saved(red_with_corner((224, 224, 192))), VOC_OF_COLOURS)
    np.testing.assert_array_equal(mask.values == 1, disk())
    np.testing.assert_array_equal(mask.ignored, corner())
    assert "void colour #e0e0c0 does not count" in mask.meaning


def test_what_a_layout_ignores_has_no_meaning_in_other_colours_and_that_is_said() -> None:
    mask = read_mask(saved(red_with_corner((255, 255, 255))), VOC_OF_COLOURS)
    np.testing.assert_array_equal(mask.values == 1, disk() | corner())
    (doubt,) = mask.doubts
    assert "ignored value 255 has no meaning" in doubt


def test_layout_voc_reads_the_void_of_masks_in_colours(tmp_path: Path) -> None:
    values = np.zeros((12, 16, 3), np.uint8)
    values[2:8, 2:8], values[2:8, 8:10] = (128, 0, 0), (224, 224, 192)
    image_file(tmp_path / "JPEGImages/a.jpg")
    mask_file(tmp_path / "SegmentationObject/a.png", values)
    (sample,), _ = read_all("voc", tmp_path, LayoutOptions(mask_values="binary"))
    assert int(masks_of(sample)["1"].sum()) == 36
    assert sample.ignore_rle is not None


def with_void(*values: int) -> np.ndarray:
    mask = grey(value=values[0])
    for number, value in enumerate(values[1:]):
        mask[8 * number : 8 * number + 6, :10] = value
    return mask


@pytest.mark.parametrize("reading", [BINARY, INSTANCES], ids=["binary", "instances"])
@pytest.mark.parametrize("values", [(1, 255), (1, 2, 255), (15, 255)])
def test_255_beside_labels_may_be_void_and_that_is_said(
    values: tuple[int, ...], reading: MaskReading
) -> None:
    palette = list(np.random.default_rng(0).integers(1, 200, 768))
    palette[:3] = [0, 0, 0]
    for data in (saved(with_void(*values)), with_palette(with_void(*values), [int(v) for v in palette])):
        (doubt,) = read_mask(data, reading).doubts
        assert "give --ignore-value 255" in doubt


def test_65535_beside_labels_may_be_void_too() -> None:
    values = with_void(1, 255).astype(np.uint16)
    values[values == 255] = 65535
    (doubt,) = read_mask(deep_png(values), INSTANCES).doubts
    assert "give --ignore-value 65535" in doubt


def test_the_void_colour_of_voc_elsewhere_raises_a_doubt() -> None:
    (doubt,) = read_mask(saved(red_with_corner((224, 224, 192))), BINARY).doubts
    assert "PASCAL VOC" in doubt


def test_pixels_that_do_not_count_are_said_in_the_meaning() -> None:
    mask = read_mask(saved(with_void(1, 255)), MaskReading("binary", ignore_value=255))
    assert mask.meaning == "values 0 and 1: what is not 0 is object; 255 does not count (--ignore-value)"
    assert mask.doubts == ()


def test_a_mask_of_which_a_layout_ignores_all_says_so(tmp_path: Path) -> None:
    image_file(tmp_path / "JPEGImages/a.jpg")
    mask_file(tmp_path / "SegmentationObject/a.png", rectangle(slice(2, 8), slice(2, 8)))
    samples, (record,) = read_all("voc", tmp_path)
    assert not samples
    assert record.reason is Reason.EMPTY_OBJECT
    assert "255 does not count (usual in the layout, --ignore-value names another)" in record.detail


def test_masks_of_ids_that_differ_from_file_to_file_are_one_line(tmp_path: Path) -> None:
    for value in (3, 37, 120):
        image_file(tmp_path / f"images/{value}.jpg")
        mask_file(tmp_path / f"masks/{value}.png", rectangle(slice(2, 8), slice(2, 8), value))
    assert {note.text for note in notes_of("folder", tmp_path)} == {
        "masks: values 0 and one other: what is not 0 is object"
    }


def test_what_a_layout_ignores_does_not_keep_a_person_from_saying_what_a_lossy_mask_means() -> None:
    reading = MaskReading(object_values=ObjectValues.parse("0"), ignore_value=255, ignore_is_told=False)
    mask = read_mask(saved(grey(255, 0), "JPEG"), reading)
    assert np.count_nonzero((mask.values == 1) != disk()) <= 0.02 * np.count_nonzero(disk())
    (doubt,) = mask.doubts
    assert "ignored value 255 has no meaning" in doubt


EVERYWHERE_7 = saved(np.full((9, 9), 7, np.uint8))


@pytest.mark.parametrize("mask_values", ["binary", "instances"])
def test_a_mask_that_is_ignored_everywhere_has_no_object(mask_values: MaskValues) -> None:
    mask = read_mask(EVERYWHERE_7, MaskReading(mask_values, ignore_value=7))
    assert mask.ignored.all()
    assert not mask.values.any()


def test_a_mask_that_is_ignored_everywhere_has_nothing_that_a_person_names() -> None:
    with pytest.raises(SampleError, match="no pixel of the mask has --object-values 9"):
        read_mask(EVERYWHERE_7, MaskReading(ignore_value=7, object_values=ObjectValues.parse("9")))
