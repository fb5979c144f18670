"""GrabCut and Berkeley."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from infra import rle
from infra.errors import LayoutError, Reason
from infra.layout_options import LayoutOptions
from infra.layouts.source_note import Topic
from tests.infra.layouts.sources import image_file, mask_file, masks_of, notes_of, read_all, rectangle
from tests.shared_data import SHARED, requires_shared

LEFT, RIGHT, BAND = slice(0, 5), slice(8, 14), slice(5, 7)
ROWS = slice(2, 9)


def test_grey_128_is_ignored_and_more_is_object(tmp_path: Path) -> None:
    values = rectangle(ROWS, LEFT)
    values[0, 0], values[0, 1] = 129, 127
    values[ROWS, BAND] = 128
    image_file(tmp_path / "data_GT/flower.jpg")
    mask_file(tmp_path / "boundary_GT/flower.bmp", values)
    (sample,), quarantined = read_all("grabcut", tmp_path)
    assert not quarantined
    assert (sample.key, sample.extension) == ("flower", "jpg")
    np.testing.assert_array_equal(masks_of(sample)["1"], values > 128)
    assert sample.ignore_rle is not None
    np.testing.assert_array_equal(rle.decode(sample.ignore_rle, 12, 16), values == 128)


@pytest.mark.parametrize("mode", ["1", "P", "RGB"])
def test_the_grey_level_counts_whatever_the_file_stores(tmp_path: Path, mode: str) -> None:
    truth = rectangle(ROWS, LEFT)
    image_file(tmp_path / "data_GT/a.png")
    if mode == "RGB":
        mask_file(tmp_path / "boundary_GT/a.png", np.repeat(truth[:, :, None], 3, axis=2))
    elif mode == "P":
        # index 1 is white, index 200 black: the indices say the opposite of the colours
        palette = [0] * 768
        palette[3:6] = [255] * 3
        mask_file(tmp_path / "boundary_GT/a.png", np.where(truth > 0, 1, 200), palette)
    else:
        (tmp_path / "boundary_GT").mkdir()
        Image.fromarray(truth).convert("1").save(tmp_path / "boundary_GT/a.png")
    (sample,), _ = read_all("grabcut", tmp_path)
    np.testing.assert_array_equal(masks_of(sample)["1"], truth > 0)


def test_bmp_images_are_kept_without_loss_as_png(tmp_path: Path) -> None:
    image_file(tmp_path / "data_GT/banana.bmp")
    mask_file(tmp_path / "boundary_GT/banana.bmp", rectangle(ROWS, LEFT))
    (sample,), _ = read_all("grabcut", tmp_path)
    assert sample.extension == "png"


def test_several_masks_of_an_image_are_its_objects_in_numeric_order(tmp_path: Path) -> None:
    image_file(tmp_path / "images/189080.jpg")
    mask_file(tmp_path / "masks/189080_10.png", rectangle(ROWS, BAND))
    mask_file(tmp_path / "masks/189080#2.png", rectangle(ROWS, RIGHT))
    mask_file(tmp_path / "masks/189080.png", rectangle(ROWS, LEFT))
    (sample,), quarantined = read_all("berkeley", tmp_path)
    assert not quarantined
    assert [(truth.object_id, truth.attributes["mask_file"]) for truth in sample.objects] == [
        ("1", "189080.png"),
        ("2", "189080#2.png"),
        ("3", "189080_10.png"),
    ]
    np.testing.assert_array_equal(masks_of(sample)["2"], rectangle(ROWS, RIGHT) > 0)


def test_a_mask_of_its_own_image_is_never_given_to_another(tmp_path: Path) -> None:
    for stem in ("scene", "scene_1"):
        image_file(tmp_path / f"images/{stem}.jpg")
        mask_file(tmp_path / f"masks/{stem}.png", rectangle(ROWS, LEFT))
    samples, quarantined = read_all("berkeley", tmp_path)
    assert not quarantined
    assert [(sample.key, len(sample.objects)) for sample in samples] == [("scene", 1), ("scene_1", 1)]


def test_masks_that_ignore_different_pixels_become_samples_of_their_own(tmp_path: Path) -> None:
    first, second = rectangle(ROWS, LEFT), rectangle(ROWS, RIGHT)
    second[ROWS, LEFT] = 128
    image_file(tmp_path / "images/two.jpg")
    mask_file(tmp_path / "masks/two_1.png", first)
    mask_file(tmp_path / "masks/two_2.png", second)
    samples, _ = read_all("berkeley", tmp_path)
    assert [(sample.key, sample.objects[0].object_id) for sample in samples] == [("two", "1"), ("two_2", "2")]
    assert samples[0].ignore_rle is None
    assert samples[1].ignore_rle is not None


def test_what_is_wrong_with_one_file_leaves_the_others(tmp_path: Path) -> None:
    good = rectangle(ROWS, LEFT)
    for stem in ("a_good", "b_empty", "c_small", "d_broken", "e_unmasked"):
        image_file(tmp_path / f"images/{stem}.jpg")
    mask_file(tmp_path / "masks/a_good.png", good)
    mask_file(tmp_path / "masks/b_empty.png", np.minimum(good, 128))
    mask_file(tmp_path / "masks/c_small.png", good[1:])
    (tmp_path / "masks/d_broken.png").write_bytes(b"no image")
    mask_file(tmp_path / "masks/f_lonely.png", good)
    samples, quarantined = read_all("berkeley", tmp_path)
    assert [sample.key for sample in samples] == ["a_good"]
    assert [(record.key, record.reason) for record in quarantined] == [
        ("b_empty", Reason.EMPTY_OBJECT),
        ("c_small", Reason.MASK_SIZE_MISMATCH),
        ("d_broken", Reason.UNDECODABLE_MASK),
        ("e_unmasked", Reason.MISSING_MASK),
        ("f_lonely", Reason.MISSING_IMAGE),
    ]


def test_one_bad_mask_of_an_image_leaves_its_other_objects(tmp_path: Path) -> None:
    image_file(tmp_path / "images/pair.jpg")
    mask_file(tmp_path / "masks/pair_1.png", np.zeros((12, 16)))
    mask_file(tmp_path / "masks/pair_2.png", rectangle(ROWS, RIGHT))
    (sample,), (record,) = read_all("berkeley", tmp_path)
    assert (record.key, record.object_id, record.reason) == ("pair", "1", Reason.EMPTY_OBJECT)
    assert (sample.key, [truth.object_id for truth in sample.objects]) == ("pair", ["2"])


def test_a_list_chooses_images_in_its_order(tmp_path: Path) -> None:
    for stem in ("a", "b", "c"):
        image_file(tmp_path / f"images/{stem}.jpg")
        mask_file(tmp_path / f"masks/{stem}.png", rectangle(ROWS, LEFT))
    (tmp_path / "some.txt").write_text("c\na\nmissing\n")
    samples, (record,) = read_all("berkeley", tmp_path, LayoutOptions(split="some"))
    assert [sample.key for sample in samples] == ["c", "a"]
    assert (record.key, record.reason) == ("missing", Reason.MISSING_IMAGE)


def test_other_mask_values_are_refused(tmp_path: Path) -> None:
    with pytest.raises(LayoutError, match="grabcut takes no --mask-values"):
        read_all("grabcut", tmp_path, LayoutOptions(mask_values="instances"))
    with pytest.raises(LayoutError, match=r"berkeley takes no --ignore-value \(it was 0\)"):
        read_all("berkeley", tmp_path, LayoutOptions(ignore_value=0))


@pytest.mark.parametrize(
    ("name", "reason"), [("lossy.jpg", "no exact values"), ("see_through.png", "transparency")]
)
def test_masks_that_this_layout_gives_no_meaning_are_set_aside(
    tmp_path: Path, name: str, reason: str
) -> None:
    stem = name.partition(".")[0]
    image_file(tmp_path / f"images/{stem}.jpg")
    values = rectangle(slice(2, 8), slice(2, 8))
    mask_file(tmp_path / "masks" / name, values if stem == "lossy" else np.stack([values] * 4, axis=2))
    samples, (record,) = read_all("berkeley", tmp_path)
    assert not samples
    assert (record.reason, reason in record.detail) == (Reason.AMBIGUOUS_MASK, True)


@pytest.mark.parametrize(("value", "said"), [(255, "above 128 are object"), (1, "1 is object")])
def test_what_the_values_were_taken_for_is_said(tmp_path: Path, value: int, said: str) -> None:
    image_file(tmp_path / "images/a.jpg")
    mask_file(tmp_path / "masks/a.png", rectangle(slice(2, 8), slice(2, 8), value))
    samples, _ = read_all("berkeley", tmp_path)
    assert int(masks_of(samples[0])["1"].sum()) == 36
    (note,) = notes_of("berkeley", tmp_path)
    assert said in note.text


def deep_mask_file(path: Path, values: np.ndarray) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(values.astype(np.uint16) * 257).save(path)


def test_16_bits_are_brought_to_8(tmp_path: Path) -> None:
    values = rectangle(ROWS, LEFT)
    values[ROWS, BAND], values[0, 0], values[0, 1] = 128, 129, 127
    image_file(tmp_path / "images/a.jpg")
    deep_mask_file(tmp_path / "masks/a.png", values)
    (sample,), _ = read_all("berkeley", tmp_path)
    np.testing.assert_array_equal(masks_of(sample)["1"], values > 128)
    assert sample.ignore_rle is not None
    np.testing.assert_array_equal(rle.decode(sample.ignore_rle, 12, 16), values == 128)
    assert any("of 16 bits 65535 is 255" in note.text for note in notes_of("berkeley", tmp_path))


@pytest.mark.parametrize("kind", ["RGB", "palette"])
def test_masks_in_colours_are_set_aside(tmp_path: Path, kind: str) -> None:
    image_file(tmp_path / "images/a.jpg")
    values = rectangle(ROWS, LEFT, 1)
    if kind == "RGB":
        mask_file(tmp_path / "masks/a.png", values[:, :, None] * np.array([200, 128, 0]))
    else:
        mask_file(tmp_path / "masks/a.png", values, [0, 0, 0, 200, 128, 0])
    samples, (record,) = read_all("berkeley", tmp_path)
    assert not samples
    assert (record.reason, "in colours" in record.detail) == (Reason.AMBIGUOUS_MASK, True)


def test_a_few_pixels_in_colour_go_by_their_largest_channel_and_are_told(tmp_path: Path) -> None:
    image_file(tmp_path / "images/a.jpg", 60, 80)
    values = np.zeros((60, 80), np.uint8)
    values[10:40, 10:50] = 255
    pixels = values[:, :, None].repeat(3, axis=2)
    pixels[20, 20] = pixels[50, 70] = 255, 0, 255  # magenta, as in masks of the genuine set
    pixels[50, 71] = 100, 0, 0
    mask_file(tmp_path / "masks/a.png", pixels)
    (sample,), quarantined = read_all("berkeley", tmp_path)
    assert not quarantined
    expected = values > 0
    expected[50, 70] = True
    np.testing.assert_array_equal(masks_of(sample)["1"], expected)
    doubts = [note.text for note in notes_of("berkeley", tmp_path) if note.topic is Topic.DOUBT]
    assert doubts == ["grey masks with a few pixels in colour: the largest of their three channels counts"]


@requires_shared
def test_the_genuine_berkeley_set_has_its_100_objects() -> None:
    samples, quarantined = read_all("berkeley", SHARED / "data/berkeley")
    assert not quarantined
    assert sum(len(sample.objects) for sample in samples) == 100
