"""PASCAL VOC."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra import rle
from infra.errors import Reason
from infra.layout_options import LayoutOptions
from tests.infra.layouts.sources import HEIGHT, WIDTH, image_file, mask_file, masks_of, read_all


def voc_palette() -> list[int]:
    """Build VOC's colours: the bits of the index, dealt in threes to R, G and B from the highest bit down."""
    colours = np.zeros((256, 3), int)
    for index in range(256):
        for place in range(8):
            for channel in range(3):
                colours[index, channel] |= (index >> (3 * place + channel) & 1) << (7 - place)
    return [int(value) for value in colours.ravel()]


@pytest.fixture
def source(tmp_path: Path) -> Path:
    """Make two images with masks, one without, and a list; the second mask has instances 1 and 16."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[2:6, 2:6] = 1
    values[2:6, 7:9] = 255
    values[2:6, 10:14] = 2
    for stem in ("2007_000032", "2007_000033", "2007_000039"):
        image_file(tmp_path / f"JPEGImages/{stem}.jpg")
    mask_file(tmp_path / "SegmentationObject/2007_000032.png", values, voc_palette())
    mask_file(
        tmp_path / "SegmentationObject/2007_000033.png", np.where(values == 2, 16, values), voc_palette()
    )
    (tmp_path / "ImageSets/Segmentation").mkdir(parents=True)
    (tmp_path / "ImageSets/Segmentation/val.txt").write_text("2007_000033\n")
    return tmp_path


def test_each_palette_index_is_an_object_and_255_is_ignored(source: Path) -> None:
    samples, quarantined = read_all("voc", source)
    assert not quarantined
    assert [sample.key for sample in samples] == ["2007_000032", "2007_000033"]
    masks = masks_of(samples[0])
    assert list(masks) == ["1", "2"]
    assert masks["1"].sum() == masks["2"].sum() == 16
    assert samples[0].ignore_rle is not None
    assert rle.area(samples[0].ignore_rle, HEIGHT, WIDTH) == 8


def test_instances_whose_colours_share_a_grey_stay_apart(source: Path) -> None:
    with Image.open(source / "SegmentationObject/2007_000033.png") as image:
        indices, greys = np.asarray(image), np.asarray(image.convert("L"))
    assert len(np.unique(indices)) == 4
    assert len(np.unique(greys)) == 3  # what a reader that turns it grey would see
    sample = read_all("voc", source)[0][1]
    assert list(masks_of(sample)) == ["1", "16"]


def test_a_split_is_a_list_of_image_sets(source: Path) -> None:
    samples, _ = read_all("voc", source, LayoutOptions(split="val"))
    assert [sample.key for sample in samples] == ["2007_000033"]


def test_a_split_can_be_a_list_elsewhere(source: Path, tmp_path: Path) -> None:
    (tmp_path / "mine.txt").write_text("2007_000032\n2007_000039\n")
    samples, (record,) = read_all("voc", source, LayoutOptions(split=str(tmp_path / "mine.txt")))
    assert [sample.key for sample in samples] == ["2007_000032"]
    assert (record.key, record.reason) == ("2007_000039", Reason.MISSING_MASK)


def test_a_mask_that_was_saved_in_colours_is_set_aside(source: Path) -> None:
    path = source / "SegmentationObject/2007_000032.png"
    with Image.open(path) as image:
        image.convert("RGB").save(path)
    samples, (record,) = read_all("voc", source)
    assert [sample.key for sample in samples] == ["2007_000033"]
    assert (record.key, record.reason) == ("2007_000032", Reason.AMBIGUOUS_MASK)


def test_a_missing_image_and_a_mask_of_ignored_pixels_only_are_set_aside(source: Path) -> None:
    (source / "JPEGImages/2007_000032.jpg").unlink()
    mask_file(source / "SegmentationObject/2007_000033.png", np.full((HEIGHT, WIDTH), 255), voc_palette())
    samples, quarantined = read_all("voc", source)
    assert not samples
    assert [record.reason for record in quarantined] == [Reason.MISSING_IMAGE, Reason.EMPTY_OBJECT]
