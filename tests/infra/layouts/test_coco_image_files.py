"""Where the images of an annotation file are found, and what is told of it."""

from __future__ import annotations

import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest

from infra.errors import LayoutError, Reason
from infra.layout_options import LayoutOptions
from infra.layouts import LAYOUTS
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.sample import QuarantinedSample, Sample
from infra.storage.files import Storage, join
from tests.infra.layouts.coco_source import annotation, image, write_source
from tests.infra.layouts.sources import image_file, read_all

USUAL = "the annotation file that was read"


def write_entries(folder: Path, names: list[str], path: str = "instances.json") -> None:
    """Write an annotation file whose images have these names, and no image."""
    entries = [image(index, file_name=name) for index, name in enumerate(names)]
    annotations = [annotation(index, index) for index in range(len(names))]
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(json.dumps({"images": entries, "annotations": annotations}))


def read_entries(
    folder: Path, split: str | None = None
) -> tuple[list[str], list[QuarantinedSample], list[tuple[Topic, str]]]:
    """Return the keys of the samples, the records, and what is told beside the annotation file and categories."""
    items = list(LAYOUTS["coco"].read(str(folder), Storage(), LayoutOptions(split=split)))
    notes = [
        (item.topic, item.text)
        for item in items
        if isinstance(item, SourceNote) and item.text != USUAL and "category" not in item.text
    ]
    keys = [item.key for item in items if isinstance(item, Sample)]
    return keys, [item for item in items if isinstance(item, QuarantinedSample)], notes


@pytest.mark.parametrize(
    ("annotations_path", "name", "file", "key"),
    [
        ("instances.json", "a.jpg", "images/a.jpg", "a"),
        ("instances.json", "images/a.jpg", "images/a.jpg", "a"),
        ("instances.json", "a.jpg", "a.jpg", "a"),
        ("instances.json", "batch/a.jpg", "images/batch/a.jpg", "batch/a"),
        ("labels.json", "a.jpg", "data/a.jpg", "a"),
        ("annotations.json", "JPEGImages/a.jpg", "JPEGImages/a.jpg", "a"),
        ("annotations/instances_default.json", "a.jpg", "images/default/a.jpg", "a"),
        ("annotations/instances_val2017.json", "a.jpg", "val2017/a.jpg", "a"),
        ("annotations/person_keypoints_val2017.json", "a.jpg", "val2017/a.jpg", "a"),
        ("annotations/instances_val2017.json", "a.jpg", "images/val2017/a.jpg", "a"),
        ("train/_annotations.coco.json", "a.jpg", "train/a.jpg", "a"),
        ("set/annotations/instances_val.json", "a.jpg", "set/val/a.jpg", "a"),
        ("labels/coco.json", "a.jpg", "images/a.jpg", "a"),
    ],
)
def test_an_image_where_tools_put_it_is_found_without_a_word(
    tmp_path: Path, annotations_path: str, name: str, file: str, key: str
) -> None:
    write_entries(tmp_path, [name], annotations_path)
    image_file(tmp_path / file)
    assert read_entries(tmp_path) == ([key], [], [])


@pytest.mark.parametrize(
    ("name", "file", "key", "said"),
    [
        (r"images\a.jpg", "images/a.jpg", "a", "Windows"),
        (r"D:\set\images\a.jpg", "images/a.jpg", "a", "absolute"),
        ("/home/me/set/images/a.jpg", "images/a.jpg", "a", "absolute"),
        ("/home/me/set/images/b/a.jpg", "images/b/a.jpg", "b/a", "absolute"),
        ("../images/a.jpg", "images/a.jpg", "a", "absolute"),
        ("file:///home/me/images/a.jpg", "images/a.jpg", "a", "URLs"),
        ("https://host/x/a.jpg?token=1", "images/a.jpg", "a", "URLs"),
        ("/data/upload/1/ab12-a.jpg", "images/a.jpg", "a", "Label Studio"),
        ("images/ab12cd34-a.jpg", "images/a.jpg", "a", "Label Studio"),
        ("/data/upload/1/ab12-a.jpg", "images/ab12-a.jpg", "ab12-a", "absolute"),
        ("/data/local-files/?d=set/a.jpg", "images/a.jpg", "a", "absolute"),
        ("a%20b.jpg", "images/a b.jpg", "a b", "%20"),
        ("a%C3%A9.jpg", "images/a\u00e9.jpg", "a\u00e9", "%20"),
        ("a.jpg", "images/batch_1/a.jpg", "a", "below the usual ones"),
        ("images/a.jpg", "a.jpg", "images/a", "usual folders"),
        ("a.jpg", "images/a.JPG", "a", "upper and lower case"),
        ("A.jpg", "images/a.jpeg", "A", "upper and lower case"),
        ("a\u00e9.jpg", "images/ae\u0301.jpg", "a\u00e9", "NFC"),
        ("ae\u0301.jpg", "images/a\u00e9.jpg", "a\u00e9", "NFC"),
    ],
)
def test_each_rule_beyond_the_path_as_it_stands_is_told(
    tmp_path: Path, name: str, file: str, key: str, said: str
) -> None:
    write_entries(tmp_path, [name])
    image_file(tmp_path / file)
    keys, records, notes = read_entries(tmp_path)
    assert (keys, records) == ([key.removeprefix("images/")], [])
    assert {topic for topic, _ in notes} == {Topic.READ}
    assert any(said in text for _, text in notes)


def test_rules_add_up_and_each_is_told(tmp_path: Path) -> None:
    write_entries(tmp_path, [r"C:\me\images\A%20b.jpg"])
    image_file(tmp_path / "images/a b.JPG")
    keys, _, notes = read_entries(tmp_path)
    assert keys == ["a b"]
    assert len(notes) == 4  # backslashes, a foreign path, %20, case


@pytest.mark.parametrize("name", ["val/a.jpg", "/home/me/val/a.jpg"])
def test_a_folder_that_contradicts_the_annotation_file_is_doubtful(tmp_path: Path, name: str) -> None:
    write_entries(tmp_path, [name])
    image_file(tmp_path / "train/a.jpg")
    keys, _, notes = read_entries(tmp_path)
    assert len(keys) == 1
    assert any(topic is Topic.DOUBT and "base name alone" in text for topic, text in notes)


def test_of_two_files_of_the_name_the_one_whose_folders_agree_is_taken(tmp_path: Path) -> None:
    write_entries(tmp_path, ["/home/me/b1/a.jpg", "/home/me/b2/a.jpg"])
    for folder in ("b1", "b2"):
        image_file(tmp_path / "images" / folder / "a.jpg")
    assert read_entries(tmp_path)[:2] == (["b1/a", "b2/a"], [])


@pytest.mark.parametrize(
    ("name", "files"),
    [
        ("a.jpg", ["images/b1/a.jpg", "images/b2/a.jpg"]),
        ("a.jpg", ["images/a.jpg", "data/a.jpg"]),
        ("/home/me/a.jpg", ["images/a.jpg", "masks/a.jpg"]),
        ("A.jpg", ["images/a.JPG", "images/a.jpg"]),
    ],
)
def test_two_files_that_a_name_may_mean_are_both_named(tmp_path: Path, name: str, files: list[str]) -> None:
    write_entries(tmp_path, [name, "other.jpg"])
    for file in [*files, "images/other.jpg"]:
        image_file(tmp_path / file)
    keys, (record,), notes = read_entries(tmp_path)
    assert keys == ["other"]
    assert record.reason is Reason.DUPLICATE_KEY
    assert all(file in record.detail for file in files)
    assert not notes  # neither is called unused


def test_a_file_that_one_entry_names_is_not_taken_for_another(tmp_path: Path) -> None:
    write_entries(tmp_path, ["a.jpg", "val/a.jpg"])
    image_file(tmp_path / "images/a.jpg")
    keys, (record,), _ = read_entries(tmp_path)
    assert keys == ["a"]
    assert (record.key, record.reason) == ("val/a", Reason.MISSING_IMAGE)
    assert "images/a.jpg is what another entry names" in record.detail


@pytest.mark.parametrize("name", ["b.png", "b", "/x/b.bmp"])
def test_a_file_of_another_suffix_is_named_and_not_taken(tmp_path: Path, name: str) -> None:
    write_entries(tmp_path, ["a.jpg", name])
    for file in ("a.jpg", "b.jpg"):
        image_file(tmp_path / "images" / file)
    _, (record,), _ = read_entries(tmp_path)
    assert record.reason is Reason.MISSING_IMAGE
    assert "images/b.jpg has the same stem" in record.detail


def test_two_entries_that_find_one_file_are_set_aside(tmp_path: Path) -> None:
    write_entries(tmp_path, ["/x/a.jpg", "/y/a.jpg"])
    image_file(tmp_path / "images/a.jpg")
    keys, records, _ = read_entries(tmp_path)
    assert keys == []
    assert [record.reason for record in records] == [Reason.DUPLICATE_KEY] * 2


@pytest.mark.parametrize("name", ["../secret.jpg", "images/../../secret.jpg", "{outside}/secret.jpg"])
def test_names_never_lead_out_of_the_source(tmp_path: Path, name: str) -> None:
    source = tmp_path / "source"
    image_file(tmp_path / "secret.jpg")
    write_entries(source, ["a.jpg", name.format(outside=tmp_path)])
    image_file(source / "images/a.jpg")
    keys, (record,), _ = read_entries(source)
    assert keys == ["a"]
    assert record.reason is Reason.MISSING_IMAGE
    assert "none called secret.jpg below the source" in record.detail


@pytest.mark.parametrize("name", ["", ".", "..", "/", None, 5, ["a.jpg"]])
def test_what_names_no_file_is_a_record_that_shows_it(tmp_path: Path, name: Any) -> None:
    write_source(tmp_path, [image(2)], [])
    document = json.loads((tmp_path / "instances.json").read_text())
    document["images"].append(image(1, file_name=name))
    (tmp_path / "instances.json").write_text(json.dumps(document))
    _, (record,) = read_all("coco", tmp_path)
    assert (record.key, record.reason) == ("images[1]", Reason.BAD_METADATA)
    assert repr(name) in record.detail


def test_images_that_are_all_elsewhere_are_refused_with_an_example_of_both_sides(tmp_path: Path) -> None:
    write_entries(tmp_path, ["/home/me/x.jpg", "y.jpg"])
    image_file(tmp_path / "pictures/b.jpg")
    with pytest.raises(LayoutError) as raised:
        read_entries(tmp_path)
    message = str(raised.value)
    assert "none of the 2 images" in message
    assert "'/home/me/x.jpg'" in message
    assert "of 1 image files the first is pictures/b.jpg" in message
    (tmp_path / "pictures/b.jpg").unlink()
    with pytest.raises(LayoutError, match="there is no image file"):
        read_entries(tmp_path)


def test_entries_of_which_none_can_be_used_are_refused_with_the_first(tmp_path: Path) -> None:
    (tmp_path / "instances.json").write_text(json.dumps({"images": [{"name": "a"}] * 3, "annotations": []}))
    with pytest.raises(LayoutError, match=r"none of the 3 entries.*images\[0\].*'name': 'a'"):
        read_entries(tmp_path)
    (tmp_path / "instances.json").write_text(json.dumps({"images": [], "annotations": []}))
    with pytest.raises(LayoutError, match="none of the 0 entries"):
        read_entries(tmp_path)


def test_files_beside_the_images_that_no_entry_names_are_left_out_and_said(tmp_path: Path) -> None:
    write_entries(tmp_path, ["a.jpg"])
    for file in ("a.jpg", "b.jpg", "batch/c.JPG", ".ipynb_checkpoints/a-checkpoint.jpg"):
        path = tmp_path / "images" / file
        image_file(path)
    (tmp_path / "images/list.txt").write_text("a")
    image_file(tmp_path / "elsewhere/d.jpg")
    items = LAYOUTS["coco"].read(str(tmp_path), Storage(), LayoutOptions())
    notes = [item for item in items if isinstance(item, SourceNote) and item.topic is Topic.LEFT_OUT]
    assert [(note.text.partition(" ")[0], note.key) for note in notes] == [
        ("hidden", "images/.ipynb_checkpoints/a-checkpoint.jpg"),
        ("images", "images/b.jpg"),
        ("images", "images/batch/c.JPG"),
        ("no", "images/list.txt"),
    ]


def test_the_images_of_another_split_are_not_called_unused(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_entries(tmp_path, ["a.jpg"], f"{split}/_annotations.coco.json")
        image_file(tmp_path / split / "a.jpg")
    assert read_entries(tmp_path, "valid") == (["a"], [], [])


def test_composed_and_decomposed_names_of_one_file_have_one_key(tmp_path: Path) -> None:
    name = unicodedata.normalize("NFD", "\u00dcbung caf\u00e9.jpg")
    write_entries(tmp_path, [name])
    image_file(tmp_path / "images" / name)
    keys, records, _ = read_entries(tmp_path)
    assert (keys, records) == (["\u00dcbung caf\u00e9"], [])


def test_a_bucket_is_read_like_a_folder(tmp_path: Path, s3_bucket: str) -> None:
    write_entries(tmp_path, [r"images\a.jpg", "b.jpg", "/x/c.jpg"], "annotations/instances_default.json")
    for file in ("images/default/a.jpg", "images/default/b.jpg", "c.JPG", "images/default/d.jpg"):
        image_file(tmp_path / file)
    storage = Storage()
    for path in tmp_path.rglob("*"):
        if path.is_file():
            storage.write_bytes(
                join(s3_bucket, "set", path.relative_to(tmp_path).as_posix()), path.read_bytes()
            )
    from_bucket = list(LAYOUTS["coco"].read(f"{s3_bucket}/set", storage, LayoutOptions()))
    assert from_bucket == list(LAYOUTS["coco"].read(str(tmp_path), storage, LayoutOptions()))
    assert [item.key for item in from_bucket if isinstance(item, Sample)] == ["a", "b", "c"]
