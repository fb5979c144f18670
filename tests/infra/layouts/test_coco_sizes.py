"""Sizes that COCO files say, and those of their images."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from infra.errors import Reason
from infra.layout_options import LayoutOptions
from infra.layouts.source_note import Topic
from infra.shards.image_reading import ImageReading
from tests.infra.layouts.coco_source import FULL, annotation, image, told, write_source
from tests.infra.layouts.sources import HEIGHT, WIDTH, notes_of, read_all


@pytest.mark.parametrize("size", [{}, {"height": 0, "width": 0}, {"height": None, "width": WIDTH}])
def test_sizes_that_the_file_does_not_say_are_those_of_the_image(
    tmp_path: Path, size: dict[str, Any]
) -> None:
    entry = {"id": 1, "file_name": "000000000001.jpg"} | size
    write_source(tmp_path, [entry], [annotation(1, 1)])
    (sample,), _ = read_all("coco", tmp_path)
    assert (sample.height, sample.width) == (HEIGHT, WIDTH)
    assert told(notes_of("coco", tmp_path), Topic.READ, "does not say") == ["000000000001"]


@pytest.mark.parametrize(
    ("height", "width", "segmentation", "advice"),
    [
        (WIDTH, HEIGHT, [[1, 1, 15, 1, 1, 9]], "fit the image as it is, so swap the two"),
        (WIDTH, HEIGHT, [[1, 1, 9, 1, 1, 9]], "swapped in the annotation file, or the image was turned"),
        (WIDTH, HEIGHT, [[1, 1, 9, 1, 1, 15]], "swapped in the annotation file, or the image was turned"),
        (2 * HEIGHT, 2 * WIDTH, [[1, 1, 9, 1, 1, 9]], "was resized after"),
        ("24", 32.0, [[1, 1, 9, 1, 1, 9]], "was resized after"),
        (HEIGHT + 1, WIDTH, [[1, 1, 9, 1, 1, 9]], "has 12 x 16"),
    ],
)
def test_a_size_that_is_not_the_images_is_a_reason_with_both_sizes(
    tmp_path: Path, height: Any, width: Any, segmentation: Any, advice: str
) -> None:
    images = [image(1, height=height, width=width), image(2)]
    write_source(tmp_path, images, [annotation(1, 1, segmentation)])
    _, (record,) = read_all("coco", tmp_path)
    assert (record.key, record.reason) == ("000000000001", Reason.MASK_SIZE_MISMATCH)
    assert f"annotated at {int(height)} x {int(width)} pixels" in record.detail
    assert "the image has 12 x 16" in record.detail
    assert advice in record.detail


def turn(path: Path, orientation: int) -> None:
    """Give a JPEG an EXIF orientation; its pixels stay."""
    with Image.open(path) as photograph:
        exif = photograph.getexif()
        exif[0x0112] = orientation
        photograph.save(path, exif=exif)


def test_an_image_turned_by_exif_is_read_like_every_image_and_the_option_is_named(tmp_path: Path) -> None:
    write_source(
        tmp_path, [image(1), image(2, height=WIDTH, width=HEIGHT)], [annotation(1, 1), annotation(2, 2)]
    )
    for index in (1, 2):
        turn(tmp_path / f"images/00000000000{index}.jpg", 6)
    (sample,), (record,) = read_all("coco", tmp_path)
    assert (sample.key, sample.height, sample.width) == ("000000000002", WIDTH, HEIGHT)
    assert record.key == "000000000001"
    assert "--orientation stored" in record.detail
    assert told(notes_of("coco", tmp_path), Topic.READ, "EXIF") == ["000000000002"]
    stored = LayoutOptions(images=ImageReading(orientation="stored"))
    (sample,), (record,) = read_all("coco", tmp_path, stored)
    assert (sample.key, sample.height, sample.width) == ("000000000001", HEIGHT, WIDTH)
    assert "--orientation stored, which may be" in record.detail


def test_an_rle_of_the_stored_pixels_names_the_option(tmp_path: Path) -> None:
    write_source(tmp_path, [{"id": 1, "file_name": "000000000001.jpg"}], [annotation(1, 1, FULL)])
    turn(tmp_path / "images/000000000001.jpg", 8)
    _, (record,) = read_all("coco", tmp_path)
    assert "--orientation stored" in record.detail
