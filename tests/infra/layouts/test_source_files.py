"""What lies in a source folder: taken, paired, or left out with a word."""

from __future__ import annotations

import unicodedata
from pathlib import Path

import numpy as np
import pytest

from infra.errors import LayoutError, Reason
from infra.layout_options import LayoutOptions
from infra.layouts.source_note import Topic
from tests.infra.layouts.sources import image_file, mask_file, notes_of, read_all, rectangle

MASK = rectangle(slice(2, 8), slice(2, 8))


def pair(source: Path, image: str, mask: str) -> None:
    image_file(source / "images" / image)
    mask_file(source / "masks" / mask, MASK)


def left_out(source: Path, layout: str = "folder") -> dict[str, str]:
    return {note.key: note.text for note in notes_of(layout, source) if note.topic is Topic.LEFT_OUT}


@pytest.mark.parametrize("suffix", ["jfif", "jpe", "tif", "bmp", "JPG", "Png", "jp2", "avif"])
def test_images_are_known_by_many_suffixes(tmp_path: Path, suffix: str) -> None:
    pair(tmp_path, "a.png", "a.png")
    (tmp_path / "images/a.png").rename(tmp_path / f"images/a.{suffix}")
    samples, _ = read_all("folder", tmp_path)
    assert [sample.key for sample in samples] == ["a"]


def test_what_is_no_image_is_counted_by_suffix(tmp_path: Path) -> None:
    pair(tmp_path, "a.jpg", "a.png")
    for name in ("images/clip.mp4", "images/README", "masks/a.json"):
        (tmp_path / name).write_text("x")
    assert left_out(tmp_path) == {
        "clip.mp4": "no image file: .mp4",
        "README": "no image file: files without a suffix",
        "a.json": "no image file: .json",
    }


@pytest.mark.parametrize(
    "folder", [".ipynb_checkpoints", "@eaDir", "__MACOSX", ".thumbnails", "deep/@eaDir", "#recycle"]
)
@pytest.mark.parametrize("layout", ["folder", "berkeley"])
def test_folders_that_no_person_made_hold_no_samples(tmp_path: Path, folder: str, layout: str) -> None:
    pair(tmp_path, "a.jpg", "a.png")
    pair(tmp_path, f"{folder}/a.jpg", f"{folder}/a.png")
    samples, quarantined = read_all(layout, tmp_path)
    assert ([sample.key for sample in samples], quarantined) == (["a"], [])
    assert set(left_out(tmp_path, layout)) == {f"{folder}/a.jpg", f"{folder}/a.png"}


def test_masks_and_images_that_are_alone_are_told(tmp_path: Path) -> None:
    pair(tmp_path, "a.jpg", "a.png")
    mask_file(tmp_path / "masks/alone.png", MASK)
    assert left_out(tmp_path) == {"alone": "masks without an image of their stem"}
    image_file(tmp_path / "JPEGImages/b.jpg")
    image_file(tmp_path / "JPEGImages/c.jpg")
    mask_file(tmp_path / "SegmentationObject/b.png", MASK // 255)
    assert left_out(tmp_path, "voc") == {"c": "images without a mask of their stem"}


@pytest.mark.parametrize("ending", ["_mask", "-seg", ".label", " copy"])
def test_masks_that_continue_their_image_alike_are_paired_and_that_is_said(
    tmp_path: Path, ending: str
) -> None:
    for stem in ("a", "a_2", "deep/b"):
        pair(tmp_path, f"{stem}.jpg", f"{stem}{ending}.png")
    samples, quarantined = read_all("folder", tmp_path)
    assert ([sample.key for sample in samples], quarantined) == (["a", "a_2", "deep/b"], [])
    said = {note.text for note in notes_of("folder", tmp_path) if "paired" in note.text}
    assert len(said) == 1
    assert repr(ending) in said.pop()


def test_masks_whose_names_are_nearly_right_are_named(tmp_path: Path) -> None:
    pair(tmp_path, "a.jpg", "a.png")
    pair(tmp_path, "b.jpg", "b_mask.png")
    pair(tmp_path, "IMG_1.jpg", "img_1.png")
    _, quarantined = read_all("folder", tmp_path)
    assert {record.key: record.detail for record in quarantined} == {
        "b": "no mask with the stem b; b_mask would have to be called b",
        "IMG_1": "no mask with the stem IMG_1; img_1 would have to be called IMG_1",
    }


def test_an_accent_may_be_written_in_two_ways(tmp_path: Path) -> None:
    composed, decomposed = (unicodedata.normalize(form, "Übung café") for form in ("NFC", "NFD"))
    pair(tmp_path, f"{decomposed}.jpg", f"{composed}.png")
    samples, quarantined = read_all("folder", tmp_path)
    assert ([sample.key for sample in samples], quarantined) == ([composed], [])
    assert any("NFC" in note.text for note in notes_of("folder", tmp_path))


def test_linked_folders_are_entered_once_and_links_to_nothing_are_set_aside(tmp_path: Path) -> None:
    pair(tmp_path / "real", "b.jpg", "b.png")
    pair(tmp_path / "source", "a.jpg", "a.png")
    for kind in ("images", "masks"):
        (tmp_path / "source" / kind / "linked").symlink_to(tmp_path / "real" / kind)
        (tmp_path / "source" / kind / "linked_again").symlink_to(tmp_path / "real" / kind)
        (tmp_path / "real" / kind / "back").symlink_to(tmp_path / "source" / kind)
        (tmp_path / "source" / kind / "itself").symlink_to(".")
    (tmp_path / "source/images/gone.jpg").symlink_to("nowhere.jpg")
    samples, (record,) = read_all("folder", tmp_path / "source")
    assert [sample.key for sample in samples] == ["a", "linked/b"]
    assert (record.key, record.reason) == ("gone", Reason.MISSING_IMAGE)
    assert "link to nothing" in record.detail


@pytest.mark.parametrize(
    ("line", "encoding"),
    [
        ("a", "utf-8"),
        ("a.jpg", "utf-8"),
        ("images/a.jpg", "utf-8"),
        ("./images/a.JPG", "utf-8"),
        ("/data/set/images/a.jpg", "utf-8"),
        ("images\\a.jpg", "utf-8"),
        ("images/a.jpg masks/a.png", "utf-8"),
        ("a 1", "utf-8"),
        ("a\r", "utf-8"),
        ("a", "utf-8-sig"),
        ("a", "utf-16"),
    ],
)
@pytest.mark.parametrize("layout", ["folder", "berkeley"])
def test_a_list_may_name_files_as_well(tmp_path: Path, line: str, encoding: str, layout: str) -> None:
    pair(tmp_path, "a.jpg", "a.png")
    pair(tmp_path, "b.jpg", "b.png")
    (tmp_path / "some.txt").write_bytes(f"{line}\n".encode(encoding))
    samples, quarantined = read_all(layout, tmp_path, LayoutOptions(split="some"))
    assert ([sample.key for sample in samples], quarantined) == (["a"], [])
    notes = notes_of(layout, tmp_path, LayoutOptions(split="some"))
    assert any("no stem but hold one" in note.text for note in notes) == (line.strip() != "a")


@pytest.mark.parametrize(
    ("line", "others", "key"),
    [
        ("my dog.jpg", [], "my dog.jpg"),  # it is not there, and `my` is another photograph
        ("images/my dog.jpg", [], "images/my dog.jpg"),
        ("my 1", [], "my 1"),
        ("my 2", [], "my 2"),
        ("my my-2 3.jpg", [], "my my-2 3.jpg"),
        ("my my.jpg", [], "my my.jpg"),
        ("my.jpg my.png", [], "my"),
        ("my dog.jpg", ["my dog"], "my dog"),
        ("images/my dog.jpg masks/my dog.png", ["my dog"], "my dog"),
        ("images/my.jpg masks/my_mask.png", [], "my"),
        ("my\t-1", [], "my"),
    ],
)
def test_a_line_never_means_another_photograph(
    tmp_path: Path, line: str, others: list[str], key: str
) -> None:
    for stem in ("my", "b", "dog", *others):
        pair(tmp_path, f"{stem}.jpg", f"{stem}.png")
    (tmp_path / "some.txt").write_text(f"{line}\nb{' 1' if '-1' in line else ''}\n")
    samples, quarantined = read_all("folder", tmp_path, LayoutOptions(split="some"))
    named = {sample.key for sample in samples} | {record.key for record in quarantined}
    assert named == {key, "b"}
    assert [record.reason for record in quarantined] == [Reason.MISSING_IMAGE] * (key == line)


def test_a_list_of_other_things_is_refused_with_an_example(tmp_path: Path) -> None:
    pair(tmp_path, "a.jpg", "a.png")
    (tmp_path / "val.txt").write_text("x\ny\n")
    with pytest.raises(LayoutError, match="names 2 samples, the first 'x', and none of them is in") as raised:
        read_all("folder", tmp_path, LayoutOptions(split="val"))
    assert str(raised.value).endswith("such as a")


@pytest.mark.parametrize(
    ("layout", "options", "name"),
    [
        ("sbd", LayoutOptions(mask_values="binary"), "--mask-values"),
        ("berkeley", LayoutOptions(ignore_value=1), "--ignore-value"),
        ("folder", LayoutOptions(crowd="objects"), "--crowd"),
        ("coco", LayoutOptions(mask_values="instances"), "--mask-values"),
    ],
)
def test_an_option_that_a_layout_has_no_use_for_is_refused(
    tmp_path: Path, layout: str, options: LayoutOptions, name: str
) -> None:
    with pytest.raises(LayoutError, match=f"layout {layout} takes no {name}"):
        read_all(layout, tmp_path, options)


def test_options_on_mask_values_need_masks(tmp_path: Path) -> None:
    image_file(tmp_path / "images/a.jpg")
    with pytest.raises(LayoutError, match="no folder masks/"):
        read_all("folder", tmp_path, LayoutOptions(mask_values="instances"))


@pytest.mark.parametrize(
    ("mask", "doubt"),
    [
        (np.full((12, 16), 255), "cover 95% of their image"),
        (255 - MASK.astype(int), "touch all four borders"),
        (rectangle(slice(0, 2), slice(0, 4)), "fewer than 10 pixels"),
    ],
)
def test_strange_masks_raise_a_doubt(tmp_path: Path, mask: np.ndarray, doubt: str) -> None:
    from infra.layouts.mask_doubts import doubts_of

    image_file(tmp_path / "images/a.jpg")
    mask_file(tmp_path / "masks/a.png", mask)
    (sample,), _ = read_all("folder", tmp_path)
    (note,) = doubts_of(sample)
    assert doubt in note.text
    pair(tmp_path, "a.jpg", "a.png")
    (sample,), _ = read_all("folder", tmp_path)
    assert list(doubts_of(sample)) == []
