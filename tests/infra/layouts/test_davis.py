"""DAVIS, in both of its arrangements."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra.errors import LayoutError, Reason
from infra.layout_options import LayoutOptions
from tests.infra.layouts.sources import image_file, mask_file, masks_of, read_all, rectangle
from tests.shared_data import SHARED, requires_shared

ROWS, COLS = slice(2, 9), slice(3, 8)
FRAMES = ("bear/00000", "bear/00001", "swan/00000")


@pytest.fixture
def official(tmp_path: Path) -> Path:
    for frame in FRAMES:
        image_file(tmp_path / f"JPEGImages/480p/{frame}.jpg")
        mask_file(tmp_path / f"Annotations/480p/{frame}.png", rectangle(ROWS, COLS))
    return tmp_path


def test_the_official_arrangement_has_sequence_and_frame_as_key(official: Path) -> None:
    samples, quarantined = read_all("davis", official)
    assert not quarantined
    assert [sample.key for sample in samples] == list(FRAMES)
    np.testing.assert_array_equal(masks_of(samples[0])["1"], rectangle(ROWS, COLS) > 0)


@pytest.mark.parametrize("channel", [0, 1, 2])
def test_any_channel_that_is_not_zero_is_object(tmp_path: Path, channel: int) -> None:
    colours = np.zeros((12, 16, 3), np.uint8)
    colours[ROWS, COLS, channel] = 1
    image_file(tmp_path / "img/frame.jpg")
    mask_file(tmp_path / "gt/frame.png", colours)
    (sample,), _ = read_all("davis", tmp_path)
    np.testing.assert_array_equal(masks_of(sample)["1"], rectangle(ROWS, COLS) > 0)


def test_opaque_alpha_is_no_object(tmp_path: Path) -> None:
    colours = np.zeros((12, 16, 4), np.uint8)
    colours[:, :, 3] = 255
    colours[ROWS, COLS, 0] = 255
    image_file(tmp_path / "img/frame.jpg")
    mask_file(tmp_path / "gt/frame.png", colours)
    (sample,), _ = read_all("davis", tmp_path)
    np.testing.assert_array_equal(masks_of(sample)["1"], rectangle(ROWS, COLS) > 0)


def test_the_objects_of_davis_2017_can_be_told_apart(official: Path) -> None:
    values = rectangle(ROWS, COLS, 1)
    values[ROWS, 10:14] = 2
    mask_file(official / "Annotations/480p/bear/00000.png", values, palette=[0, 0, 0, 128, 0, 0, 0, 128, 0])
    joined = read_all("davis", official)[0][0]
    apart = read_all("davis", official, LayoutOptions(mask_values="instances"))[0][0]
    np.testing.assert_array_equal(masks_of(joined)["1"], values > 0)
    assert list(masks_of(apart)) == ["1", "2"]


@pytest.mark.parametrize(
    ("folder", "lines"),
    [
        ("ImageSets/2016", ["bear"]),
        ("ImageSets/480p", [f"/JPEGImages/480p/{key}.jpg /Annotations/480p/{key}.png" for key in FRAMES[:2]]),
        ("", ["bear/00000", "bear/00001"]),
        ("", ["bear/00000.jpg", "JPEGImages/480p/bear/00001.jpg"]),
        ("", ["bear\\00000", "/data/DAVIS/JPEGImages/480p/bear/00001.jpg"]),
        ("", ["JPEGImages/480p/bear/"]),
    ],
)
def test_a_split_names_sequences_paths_or_frames(official: Path, folder: str, lines: list[str]) -> None:
    path = official / folder / "val.txt"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\n".join(lines))
    samples, quarantined = read_all("davis", official, LayoutOptions(split="val"))
    assert not quarantined
    assert [sample.key for sample in samples] == ["bear/00000", "bear/00001"]


def test_a_split_of_other_frames_is_refused(official: Path) -> None:
    (official / "val.txt").write_text("camel\n")
    with pytest.raises(
        LayoutError, match="names 1 samples, the first 'camel', and none of them is in"
    ) as raised:
        read_all("davis", official, LayoutOptions(split="val"))
    assert str(raised.value).endswith("below JPEGImages/480p/ without its suffix, one a line, such as bear")


def test_frames_without_partner_or_object_are_set_aside(official: Path) -> None:
    (official / "Annotations/480p/bear/00000.png").unlink()
    (official / "JPEGImages/480p/bear/00001.jpg").unlink()
    mask_file(official / "Annotations/480p/swan/00000.png", np.zeros((12, 16)))
    image_file(official / "JPEGImages/480p/swan/00001.jpg")
    mask_file(official / "Annotations/480p/swan/00001.png", np.ones((16, 12)))
    samples, quarantined = read_all("davis", official)
    assert not samples
    assert [(record.key, record.reason) for record in quarantined] == [
        ("bear/00000", Reason.MISSING_MASK),
        ("bear/00001", Reason.MISSING_IMAGE),
        ("swan/00000", Reason.EMPTY_OBJECT),
        ("swan/00001", Reason.MASK_SIZE_MISMATCH),
    ]


@requires_shared
def test_the_345_frames_of_the_benchmark_are_read() -> None:
    samples, quarantined = read_all("davis", SHARED / "data/davis345")
    assert (len(samples), len(quarantined)) == (345, 0)
    assert {(sample.height, sample.width) for sample in samples} == {(480, 854)}
