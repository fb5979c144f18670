"""Starts from mask files: ids and keys are those of layout `folder`."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra import rle
from infra.errors import StartError
from infra.layout_options import LayoutOptions
from infra.starts.load import load_masks
from infra.starts.starts import GivenMask, Starts
from infra.storage.files import Storage
from tests.infra.layouts.sources import HEIGHT, WIDTH, image_file, mask_file, read_all, rectangle

STORAGE = Storage()
ONE = rectangle(slice(2, 5), slice(3, 9))
TWO = rectangle(slice(4, 8), slice(1, 6))
LABELS = rectangle(slice(0, 3), slice(0, 3), 1) + rectangle(slice(5, 9), slice(7, 12), 2)
INSTANCES = LayoutOptions(mask_values="instances")


def rles_of(starts: Starts, key: str) -> dict[str, bytes]:
    given = starts.of_sample(key)
    assert all(
        isinstance(one, GivenMask) and (one.height, one.width) == (HEIGHT, WIDTH) for one in given.values()
    )
    return {name: one.rle for name, one in given.items() if isinstance(one, GivenMask)}


@pytest.mark.parametrize("options", [LayoutOptions(), INSTANCES, LayoutOptions(object_values="2")])
def test_keys_ids_and_masks_are_those_that_the_layout_makes_of_the_same_folder(
    tmp_path: Path, options: LayoutOptions
) -> None:
    for key in ("1", "cats/2", "cats/3"):
        image_file(tmp_path / "images" / f"{key}.jpg")
        mask_file(tmp_path / "masks" / f"{key}.png", LABELS)
    samples, quarantined = read_all("folder", tmp_path, options)
    assert not quarantined
    expected = {sample.key: {truth.object_id: truth.rle for truth in sample.objects} for sample in samples}
    for folder in (tmp_path, tmp_path / "masks"):
        starts = load_masks(STORAGE, str(folder), options)
        assert {key: rles_of(starts, key) for key in starts.sample_keys.to_pylist()} == expected


def test_masks_whose_names_continue_those_of_images_are_paired_as_the_layout_pairs_them(
    tmp_path: Path,
) -> None:
    for key in ("a", "b"):
        image_file(tmp_path / "images" / f"{key}.jpg")
        mask_file(tmp_path / "masks" / f"{key}_mask.png", ONE)
    assert load_masks(STORAGE, str(tmp_path)).sample_keys.to_pylist() == ["a", "b"]


def test_files_in_the_folder_of_a_sample_are_its_objects_and_may_overlap(tmp_path: Path) -> None:
    mask_file(tmp_path / "cats/1/left.png", ONE)
    mask_file(tmp_path / "cats/1/right.png", TWO)
    mask_file(tmp_path / "cats/10/x.png", TWO)
    starts = load_masks(STORAGE, str(tmp_path))
    assert rles_of(starts, "cats/1") == {"left": rle.encode(ONE > 0), "right": rle.encode(TWO > 0)}
    assert rles_of(starts, "cats/1/left") == {"1": rle.encode(ONE > 0)}
    assert starts.of_sample("cats") == {}
    assert starts.unused_keys(["cats/1"]) == ["cats/10/x"]


def test_an_empty_mask_file_is_one_empty_object(tmp_path: Path) -> None:
    mask_file(tmp_path / "a.png", np.zeros((HEIGHT, WIDTH)))
    mask_file(tmp_path / "b.png", ONE)
    assert rles_of(load_masks(STORAGE, str(tmp_path)), "a") == {
        "1": rle.encode(np.zeros((HEIGHT, WIDTH), np.bool_))
    }
    starts = load_masks(STORAGE, str(tmp_path), INSTANCES)
    assert starts.sample_keys.to_pylist() == ["b"]
    assert any("mask files without an object" in line and line.endswith("(1)") for line in starts.notices)


def test_what_values_were_taken_for_is_told_once_with_the_number_of_files(tmp_path: Path) -> None:
    for key in "abc":
        mask_file(tmp_path / f"{key}.png", ONE)
    (tmp_path / "notes.txt").write_text("x")
    url = str(tmp_path)
    assert load_masks(STORAGE, url).notices == (
        f"masks {url}: no image file: .txt (1)",
        f"masks {url}: values 0 and 255: what is not 0 is object (3)",
    )


def test_a_file_that_is_no_mask_and_two_files_of_one_key_are_refused(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"no image")
    with pytest.raises(StartError, match=r"a\.png: the mask does not decode"):
        load_masks(STORAGE, str(tmp_path))
    mask_file(tmp_path / "a.png", ONE)
    mask_file(tmp_path / "a.tif", ONE)
    with pytest.raises(StartError, match="2 files share the stem"):
        load_masks(STORAGE, str(tmp_path))


def test_advice_names_the_options_of_starts(tmp_path: Path) -> None:
    mask_file(tmp_path / "a.png", ONE)
    with pytest.raises(StartError, match=r"a\.png: no pixel of the mask has --start-object-values 9: it has"):
        load_masks(STORAGE, str(tmp_path), LayoutOptions(object_values="9"))
    with pytest.raises(
        StartError, match=r"^--start-object-values 9 names 9, and --start-ignore-value 9 says"
    ):
        load_masks(STORAGE, str(tmp_path), LayoutOptions(object_values="9", ignore_value=9))
    mask_file(tmp_path / "a.png", LABELS)
    notices = load_masks(STORAGE, str(tmp_path)).notices
    assert any("(--start-mask-values instances: an object each)" in line for line in notices)
    assert not any(" --mask-values" in line or "(--mask-values" in line for line in notices)


def test_a_folder_of_photographs_is_not_taken_for_masks(tmp_path: Path) -> None:
    image_file(tmp_path / "images/a.jpg")
    with pytest.raises(StartError, match="has images/ and no masks/, so it is no folder of masks"):
        load_masks(STORAGE, str(tmp_path))
