from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra import rle
from infra.errors import LayoutError, Reason
from infra.layout_options import LayoutOptions
from infra.layouts import LAYOUTS
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.image_file import decode_image
from infra.shards.sample import QuarantinedSample, Sample
from infra.storage.files import Storage, join
from tests.infra.sample_factory import encoded, random_pixels, write_image

BINARY = LayoutOptions(mask_values="binary")
INSTANCES = LayoutOptions(mask_values="instances", ignore_value=255)


def read(folder: Path | str, options: LayoutOptions = BINARY) -> list[Sample | QuarantinedSample]:
    items = LAYOUTS["folder"].read(str(folder), Storage(), options)
    return [item for item in items if not isinstance(item, SourceNote)]


def notes_of(folder: Path) -> list[SourceNote]:
    items = LAYOUTS["folder"].read(str(folder), Storage(), LayoutOptions())
    return [item for item in items if isinstance(item, SourceNote)]


def only_sample(folder: Path, options: LayoutOptions = BINARY) -> Sample:
    (item,) = read(folder, options)
    assert isinstance(item, Sample)
    return item


def only_record(folder: Path, options: LayoutOptions = BINARY) -> QuarantinedSample:
    (item,) = read(folder, options)
    assert isinstance(item, QuarantinedSample)
    return item


def test_files_of_the_same_stem_go_together_on_any_storage(folder_url: str) -> None:
    storage = Storage()
    mask = np.zeros((6, 8), np.uint8)
    mask[1:3, 2:5] = 255
    for stem in ("b", "a.1", "deep/c"):
        storage.write_bytes(join(folder_url, "images", f"{stem}.jpg"), encoded(random_pixels(6, 8), "JPEG"))
        storage.write_bytes(join(folder_url, "masks", f"{stem}.png"), encoded(mask))
    samples = [item for item in read(folder_url) if isinstance(item, Sample)]
    assert [sample.key for sample in samples] == ["a.1", "b", "deep/c"]
    for sample in samples:
        (truth,) = sample.objects
        assert truth.object_id == "1"
        np.testing.assert_array_equal(rle.decode(truth.rle, 6, 8), mask > 0)
        assert sample.ignore_rle is None
        assert sample.extension == "jpg"
        assert decode_image(sample.image_bytes).shape == (6, 8, 3)


def test_each_value_is_an_instance_and_the_ignore_value_is_none(tmp_path: Path) -> None:
    values = np.zeros((5, 5), np.uint8)
    values[0], values[1], values[2] = 3, 7, 255
    write_image(tmp_path / "images/x.png", random_pixels(5, 5))
    write_image(tmp_path / "masks/x.png", values)
    sample = only_sample(tmp_path, INSTANCES)
    assert [truth.object_id for truth in sample.objects] == ["3", "7"]
    for truth in sample.objects:
        np.testing.assert_array_equal(rle.decode(truth.rle, 5, 5), values == int(truth.object_id))
    assert sample.ignore_rle is not None
    np.testing.assert_array_equal(rle.decode(sample.ignore_rle, 5, 5), values == 255)


def test_an_ignore_value_counts_for_binary_masks_too(tmp_path: Path) -> None:
    values = np.zeros((5, 5), np.uint8)
    values[0], values[1] = 255, 128
    write_image(tmp_path / "images/x.png", random_pixels(5, 5))
    write_image(tmp_path / "masks/x.png", values)
    sample = only_sample(tmp_path, LayoutOptions(mask_values="binary", ignore_value=128))
    assert rle.area(sample.objects[0].rle, 5, 5) == 5
    assert sample.ignore_rle is not None
    assert rle.area(sample.ignore_rle, 5, 5) == 5


def test_instances_of_palette_and_16_bit_masks_are_their_values(tmp_path: Path) -> None:
    values = np.zeros((4, 4), np.uint8)
    values[0], values[1] = 1, 2
    palette = Image.fromarray(values).convert("P")
    palette.putpalette([0, 0, 0, 128, 0, 0, 128, 0, 0])  # two instances in one colour
    for stem in ("deep", "palette"):
        write_image(tmp_path / f"images/{stem}.png", random_pixels(4, 4))
    (tmp_path / "masks").mkdir()
    palette.save(tmp_path / "masks/palette.png")
    write_image(tmp_path / "masks/deep.png", values.astype(np.uint16) * 1000)
    deep, shallow = (item for item in read(tmp_path, INSTANCES) if isinstance(item, Sample))
    assert [truth.object_id for truth in deep.objects] == ["1000", "2000"]
    assert [truth.object_id for truth in shallow.objects] == ["1", "2"]


def test_colours_are_object_in_binary_masks_and_refused_as_instances(tmp_path: Path) -> None:
    colours = np.zeros((4, 4, 3), np.uint8)
    colours[0, :, 2] = 200
    write_image(tmp_path / "images/x.png", random_pixels(4, 4))
    write_image(tmp_path / "masks/x.png", colours)
    assert rle.area(only_sample(tmp_path).objects[0].rle, 4, 4) == 4
    record = only_record(tmp_path, INSTANCES)
    assert record.reason == Reason.AMBIGUOUS_MASK
    assert "colours" in record.detail


def test_without_masks_there_are_samples_without_objects(tmp_path: Path) -> None:
    write_image(tmp_path / "images/x.png", random_pixels(4, 6))
    sample = only_sample(tmp_path, LayoutOptions())
    assert (sample.key, sample.height, sample.width, sample.objects) == ("x", 4, 6, ())


def test_a_list_names_the_samples_and_their_order(tmp_path: Path) -> None:
    for stem in ("a", "b", "c"):
        write_image(tmp_path / f"images/{stem}.png", random_pixels(4, 6))
    (tmp_path / "train.txt").write_text("c\n\n a \r\nmissing\n")
    for split in ("train", str(tmp_path / "train.txt")):
        items = read(tmp_path, LayoutOptions(split=split))
        assert [item.key for item in items] == ["c", "a", "missing"]
        assert isinstance(items[2], QuarantinedSample)
        assert items[2].reason == Reason.MISSING_IMAGE


def test_a_split_without_a_list_is_one_line(tmp_path: Path) -> None:
    write_image(tmp_path / "images/x.png", random_pixels(4, 6))
    with pytest.raises(LayoutError, match="no list of the split 'val' at") as caught:
        read(tmp_path, LayoutOptions(split="val"))
    assert "\n" not in str(caught.value)
    (tmp_path / "val.txt").write_text("\n")
    with pytest.raises(LayoutError, match=r"val\.txt is empty"):
        read(tmp_path, LayoutOptions(split="val"))


@pytest.mark.parametrize("folder", ["mask", "Masks", "labels", "annotations"])
def test_masks_in_another_folder_are_not_dropped_without_a_word(tmp_path: Path, folder: str) -> None:
    for stem in ("a", "b"):
        write_image(tmp_path / f"images/{stem}.jpg", random_pixels(4, 6))
        write_image(tmp_path / folder / f"{stem}.png", np.ones((4, 6), np.uint8))
    told = notes_of(tmp_path)
    assert [(note.topic, note.key) for note in told] == [(Topic.DOUBT, "a"), (Topic.DOUBT, "b")]
    assert f"there are images in {folder}/: if they are the masks" in told[0].text
    with pytest.raises(LayoutError, match=f"there are images in {folder}/"):
        read(tmp_path, LayoutOptions(mask_values="instances"))


def test_photographs_without_masks_are_said_to_be_so(tmp_path: Path) -> None:
    write_image(tmp_path / "images/a.jpg", random_pixels(4, 6))
    (tmp_path / "notes").mkdir()
    (tmp_path / "notes/a.txt").write_text("no image")
    (note,) = notes_of(tmp_path)
    assert (note.topic, note.text) == (Topic.READ, "no folder masks/: photographs without masks")


@pytest.mark.parametrize("with_folder", [True, False])
def test_masks_among_the_photographs_raise_a_doubt(tmp_path: Path, with_folder: bool) -> None:
    for name in ("a.jpg", "a_mask.png", "b.jpg", "b-1.jpg", "deep/c.jpg", "deep/c.gt.png"):
        write_image(tmp_path / "images" / name, random_pixels(4, 6))
    if with_folder:
        write_image(tmp_path / "masks/b.png", np.ones((4, 6), np.uint8))
    doubtful = [note.key for note in notes_of(tmp_path) if note.topic is Topic.DOUBT]
    assert doubtful == ["a_mask", "deep/c.gt"]


@pytest.mark.parametrize(
    ("folder", "named"), [("Images", "Images/"), ("train/images", "train/"), (".", "itself")]
)
def test_a_folder_without_images_says_where_there_are_some(tmp_path: Path, folder: str, named: str) -> None:
    write_image(tmp_path / folder / "a.jpg", random_pixels(4, 6))
    with pytest.raises(LayoutError, match="layout folder expects images/") as raised:
        read(tmp_path)
    assert str(raised.value).split("; there are images in ")[1].endswith(named)


@pytest.mark.parametrize("layout", sorted(LAYOUTS))
def test_a_source_is_a_folder_that_is_there(folder_url: str, layout: str) -> None:
    storage = Storage()
    with pytest.raises(LayoutError, match=f"there is no folder {folder_url}/nope"):
        list(LAYOUTS[layout].read(join(folder_url, "nope"), storage, LayoutOptions()))
    archive = join(folder_url, "photos.zip")
    storage.write_bytes(archive, b"PK")
    with pytest.raises(LayoutError, match="is a file, and a source is a folder: unpack it"):
        list(LAYOUTS[layout].read(archive, storage, LayoutOptions()))


def test_each_broken_sample_is_a_record_with_its_reason(tmp_path: Path) -> None:
    mask = np.full((4, 6), 255, np.uint8)
    for stem in ("empty", "good", "no_mask", "other_size", "text_mask", "twice"):
        write_image(tmp_path / f"images/{stem}.png", random_pixels(4, 6))
        write_image(tmp_path / f"masks/{stem}.png", mask)
    (tmp_path / "images/text.png").write_text("no image")
    write_image(tmp_path / "masks/text.png", mask)
    write_image(tmp_path / "images/twice.bmp", random_pixels(4, 6))
    write_image(tmp_path / "masks/empty.png", np.zeros((4, 6), np.uint8))
    write_image(tmp_path / "masks/other_size.png", mask.T)
    (tmp_path / "masks/no_mask.png").unlink()
    (tmp_path / "masks/text_mask.png").write_text("no image")
    (tmp_path / "images/.hidden.png").write_text("not looked at")
    items = read(tmp_path)
    assert {item.key: item.reason for item in items if isinstance(item, QuarantinedSample)} == {
        "empty": Reason.EMPTY_OBJECT,
        "no_mask": Reason.MISSING_MASK,
        "other_size": Reason.MASK_SIZE_MISMATCH,
        "text": Reason.UNDECODABLE_IMAGE,
        "text_mask": Reason.UNDECODABLE_MASK,
        "twice": Reason.DUPLICATE_KEY,
    }
    assert [item.key for item in items if isinstance(item, Sample)] == ["good"]
