"""Tars of other programs: each member is part of a sample, of a record, or of a note."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from infra import rle
from infra.errors import DatasetError, Reason
from infra.shards.image_file import decode_image
from infra.shards.manifest import load_manifest
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.shard_note import NoteTally
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from tests.infra.sample_factory import encoded, random_pixels, rectangle

STORAGE = Storage()
PIXELS = random_pixels(4, 6)
PNG = encoded(PIXELS)
JPEG = encoded(PIXELS, "JPEG")
MASK = rectangle(4, 6, slice(1, 3), slice(2, 5))
RLE = {"size": [4, 6], "counts": rle.encode(MASK).decode()}
OBJECTS = json.dumps({"objects": [{"object_id": "1", "segmentation": RLE}]}).encode()


@dataclass(frozen=True)
class Read:
    samples: dict[str, Sample]
    records: list[QuarantinedSample]
    notes: dict[str, int]
    """Number of notes by key of the first."""
    texts: str


def write_tar(path: Path, members: list[tuple[str, bytes]], tar_format: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w", format=tar_format) as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def read(path: Path) -> Read:
    tally = NoteTally()
    items = list(read_shard(STORAGE, str(path), None, tally.add))
    return Read(
        {item.key: item for item in items if isinstance(item, Sample)},
        [item for item in items if isinstance(item, QuarantinedSample)],
        {note.first_keys[0]: note.count for note in tally.counts()},
        "\n".join(map(str, tally.counts())),
    )


def read_members(folder: Path, *members: tuple[str, bytes]) -> Read:
    return read(write_tar(folder / "x.tar", list(members)))


def test_a_suffix_of_another_encoding_is_told_as_text_that_can_be_written(tmp_path: Path) -> None:
    texts = read_members(tmp_path, ("a.jpg", JPEG), ("a.caf\udce9", b"")).texts
    assert r"caf\udce9" in texts
    texts.encode()


@pytest.mark.parametrize("tar_format", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
@pytest.mark.parametrize(
    "keys",
    [
        ("frame_00.101087", "frame_00.102061"),
        ("a.b.c", "a_b"),
        ("cam.0/x.1", "cam.0/x.2"),
        (f"{'long/' * 40}v1.5", "v1.6"),
    ],
)
def test_a_key_with_dots_has_its_image_and_its_masks(
    tmp_path: Path, keys: tuple[str, ...], tar_format: int
) -> None:
    members = [
        (f"{key}.{suffix}", data) for key in keys for suffix, data in (("jpg", JPEG), ("json", OBJECTS))
    ]
    found = read(write_tar(tmp_path / "x.tar", members, tar_format))
    assert {key: len(sample.objects) for key, sample in found.samples.items()} == dict.fromkeys(keys, 1)
    assert (found.records, found.notes) == ([], {})


@pytest.mark.parametrize(
    ("name", "image_format"),
    [
        ("x.tif", "TIFF"),
        ("x.TIFF", "TIFF"),
        ("x.bmp", "BMP"),
        ("x.gif", "GIF"),
        ("x.jfif", "JPEG"),
        ("x.jpe", "JPEG"),
        ("x.JPG", "JPEG"),
        ("x.Jpeg", "JPEG"),
        ("x.ppm", "PPM"),
        ("x.y.bmp", "BMP"),
    ],
)
def test_every_suffix_of_an_image_is_taken(tmp_path: Path, name: str, image_format: str) -> None:
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, image_format)
    found = read_members(tmp_path, (name, stream.getvalue()))
    (sample,) = found.samples.values()
    assert decode_image(sample.image_bytes).shape == (4, 6, 3)
    assert sample.extension == ("jpg" if image_format == "JPEG" else "png")


@pytest.mark.parametrize("name", ["x.dng", "x.cr2", "x.dcm", "x.heic", "x.svg"])
def test_a_picture_that_nothing_decodes_is_a_record_or_left_out_beside_one_that_does(
    tmp_path: Path, name: str
) -> None:
    found = read_members(tmp_path, (name, b"no such format"))
    assert [(record.key, record.reason) for record in found.records] == [("x", Reason.UNDECODABLE_IMAGE)]
    if name != "x.heic":  # decoded if a library is installed
        found = read_members(tmp_path, ("x.jpg", JPEG), (name, b"no such format"))
        assert (list(found.samples), found.records, found.notes) == (["x"], [], {name: 1})


@pytest.mark.parametrize(
    "name",
    [
        "x.txt",
        "x.cls",
        "x.npy",
        "x.seg.png",
        "x.mask.png",
        "x.instance_ids.png",
        "x.labels.0.json",
        "x.cam.png",
        "x_mask.png",
        "x.1.jpg",
        "x.__key__",
        "x",
        "masks/x.png",
        "train/SegmentationClass/x.png",
        ".ipynb_checkpoints/x-checkpoint.jpg",
        "__MACOSX/._x.jpg",
        "@eaDir/x.jpg/SYNO.jpg",
        ".DS_Store",
        "y.tar",
    ],
)
def test_a_member_that_nothing_reads_is_told_and_is_no_error(tmp_path: Path, name: str) -> None:
    found = read_members(tmp_path, ("x.jpg", JPEG), ("x.json", OBJECTS), (name, PNG), ("z.jpg", JPEG))
    assert (list(found.samples), found.records) == (["x", "z"], [])
    assert found.notes == {name: 1}
    assert len(found.samples["x"].objects) == 1


def test_a_member_of_a_sample_may_come_before_its_image(tmp_path: Path) -> None:
    found = read_members(tmp_path, ("y.cam.png", PNG), ("y.jpg", JPEG), ("y.json", OBJECTS))
    assert (list(found.samples), found.notes) == (["y"], {"y.cam.png": 1})


def test_a_folder_for_masks_may_hold_samples_that_have_json(tmp_path: Path) -> None:
    found = read_members(tmp_path, ("masks/x.jpg", JPEG), ("masks/x.json", OBJECTS))
    assert (list(found.samples), found.notes) == (["masks/x"], {})


def test_a_tar_of_images_and_masks_names_the_command_for_it(tmp_path: Path) -> None:
    found = read_members(tmp_path, ("images/a.jpg", JPEG), ("masks/a.png", PNG), ("masks/b.png", PNG))
    assert list(found.samples) == ["images/a"]
    assert "2 x images in a folder for masks, which are not read from a tar" in found.texts
    assert "mfp shard --layout folder (masks/a.png, masks/b.png)" in found.texts


def test_two_images_of_a_sample_are_named(tmp_path: Path) -> None:
    (record,) = read_members(tmp_path, ("x.jpg", JPEG), ("x.png", PNG), ("x.json", OBJECTS)).records
    assert record.reason == Reason.BAD_METADATA
    assert "(.jpg, .png)" in record.detail and "mfp shard --layout folder" in record.detail


def test_the_same_names_again_are_another_sample(tmp_path: Path) -> None:
    found = read_members(tmp_path, *[("x.jpg", JPEG), ("x.json", OBJECTS)] * 2)
    assert [record.reason for record in found.records] == [Reason.DUPLICATE_KEY]


def test_json_apart_from_its_image_names_the_way_to_pack(tmp_path: Path) -> None:
    found = read_members(tmp_path, ("a.jpg", JPEG), ("b.jpg", JPEG), ("a.json", OBJECTS))
    (record,) = found.records
    assert (record.key, record.reason) == ("a", Reason.MISSING_IMAGE)
    assert "tar --sort=name" in record.detail


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE])
def test_links_are_told_with_the_way_to_pack(tmp_path: Path, kind: bytes) -> None:
    with tarfile.open(tmp_path / "x.tar", "w") as tar:
        link = tarfile.TarInfo("x.jpg")
        link.type, link.linkname = kind, "elsewhere.jpg"
        tar.addfile(link)
    found = read(tmp_path / "x.tar")
    assert found.notes == {"x.jpg": 1}
    assert "tar --dereference --hard-dereference" in found.texts


def test_an_empty_tar_is_told(tmp_path: Path) -> None:
    assert "empty tars" in read_members(tmp_path).texts


def test_notes_of_a_hostile_tar_are_bounded(tmp_path: Path) -> None:
    found = read_members(tmp_path, *[(f"x.{number:x}z", b"") for number in range(300)])
    assert len(found.notes) <= 41
    assert sum(found.notes.values()) == 300


@pytest.mark.parametrize(
    ("data", "meaning"),
    [
        (gzip.compress(bytes(2000), mtime=0), "compressed with gzip.*gunzip"),
        (b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 5\n", "git lfs pull"),
        (b"<!DOCTYPE html>", "a web page"),
        (b"PAR1" + bytes(600), "call it .parquet"),
        (b"PK\x03\x04" + bytes(600), "a zip"),
    ],
)
def test_a_file_that_is_no_tar_is_called_what_it_is(tmp_path: Path, data: bytes, meaning: str) -> None:
    (tmp_path / "x.tar").write_bytes(data)
    with pytest.raises(DatasetError, match=meaning) as caught:
        read(tmp_path / "x.tar")
    assert "\n" not in str(caught.value)


ANNOTATION: dict[str, Any] = {
    "id": 7,
    "segmentation": RLE,
    "bbox": [2, 1, 3, 2],
    "area": 6,
    "predicted_iou": 0.9,
    "stability_score": 0.95,
}
SA_1B = {
    "image": {"image_id": 1, "width": 6, "height": 4, "file_name": "sa_1.jpg"},
    "annotations": [ANNOTATION, ANNOTATION | {"id": 8}],
}


def test_sa_1b_is_read_with_its_ids_and_scores(tmp_path: Path) -> None:
    found = read_members(tmp_path, ("./sa_1.jpg", JPEG), ("./sa_1.json", json.dumps(SA_1B).encode()))
    assert (found.records, found.notes) == ([], {})
    first, second = found.samples["sa_1"].objects
    assert (first.object_id, second.object_id) == ("7", "8")
    np.testing.assert_array_equal(rle.decode(first.rle, 4, 6), MASK)
    assert first.attributes == {
        "bbox": [2, 1, 3, 2],
        "area": 6,
        "predicted_iou": 0.9,
        "stability_score": 0.95,
    }


WITHOUT_ID = {name: value for name, value in ANNOTATION.items() if name != "id"}


@pytest.mark.parametrize(
    ("document", "ids", "note"),
    [
        ({"images": [SA_1B["image"]], "annotations": [ANNOTATION], "categories": []}, ["7"], ""),
        ({"annotations": [ANNOTATION], "width": 6, "height": 4}, ["7"], ""),
        ([WITHOUT_ID, WITHOUT_ID], ["1", "2"], "2 x annotations without an id"),
        (SA_1B | {"annotations": [ANNOTATION | {"iscrowd": 1}]}, [], "1 x objects with iscrowd 1"),
        (SA_1B | {"image": {"file_name": "other.jpg"}}, ["7", "8"], "file_name is not the name"),
        ({"caption": "a cat", "url": "x"}, [], "holds no objects"),
        ({"annotations": ["a cat"]}, [], "holds no objects"),
    ],
)
def test_json_of_one_image_gives_what_it_plainly_holds(
    tmp_path: Path, document: Any, ids: list[str], note: str
) -> None:
    found = read_members(tmp_path, ("sa_1.jpg", JPEG), ("sa_1.json", json.dumps(document).encode()))
    assert [truth.object_id for truth in found.samples["sa_1"].objects] == ids
    assert (note in found.texts) if note else not found.texts


def test_annotations_that_are_no_run_lengths_cost_themselves(tmp_path: Path) -> None:
    annotations = [
        ANNOTATION,
        ANNOTATION | {"id": 8, "segmentation": [[0, 0, 3, 0, 3, 3]]},
        ANNOTATION | {"id": 9, "segmentation": {"size": [6, 4], "counts": RLE["counts"]}},
    ]
    document = json.dumps(SA_1B | {"annotations": annotations}).encode()
    found = read_members(tmp_path, ("sa_1.jpg", JPEG), ("sa_1.json", document))
    assert [truth.object_id for truth in found.samples["sa_1"].objects] == ["7"]
    polygons, swapped = found.records
    assert (polygons.object_id, polygons.reason) == ("8", Reason.BAD_METADATA)
    assert "mfp shard --layout coco" in polygons.detail
    assert (swapped.object_id, swapped.reason) == ("9", Reason.MASK_SIZE_MISMATCH)
    assert swapped.detail.endswith("height and width are swapped")


@pytest.mark.parametrize(("object_id", "expected"), [(1.0, "1"), (25, "25"), ("1.0", "1.0")])
@pytest.mark.parametrize("name", ["object_id", "id"])
def test_a_whole_float_is_an_id(tmp_path: Path, name: str, object_id: object, expected: str) -> None:
    entries = [{name: object_id, "segmentation": RLE}]
    document = {"objects": entries} if name == "object_id" else {"annotations": entries}
    found = read_members(tmp_path, ("a.png", PNG), ("a.json", json.dumps(document).encode()))
    assert [truth.object_id for truth in found.samples["a"].objects] == [expected]
    assert not found.records


def test_crowd_regions_are_left_out_wherever_they_stand(tmp_path: Path) -> None:
    entries = [{"object_id": 1, "segmentation": RLE, "iscrowd": 1}, {"object_id": 2, "segmentation": RLE}]
    found = read_members(tmp_path, ("a.png", PNG), ("a.json", json.dumps({"objects": entries}).encode()))
    assert [truth.object_id for truth in found.samples["a"].objects] == ["2"]
    assert "1 x objects with iscrowd 1" in found.texts


def test_a_coco_file_of_a_whole_data_set_names_the_command_for_it(tmp_path: Path) -> None:
    coco = json.dumps({"images": [{}, {}], "annotations": []}).encode()
    found = read_members(tmp_path, ("a.jpg", JPEG), ("annotations/instances_val.json", coco))
    (record,) = found.records
    assert "mfp shard --layout coco" in record.detail


def turned_jpeg() -> bytes:
    exif = Image.Exif()
    exif[0x0112] = 6
    stream = io.BytesIO()
    Image.fromarray(PIXELS).save(stream, "JPEG", exif=exif)
    return stream.getvalue()


def test_masks_of_the_stored_pixels_of_a_turned_image_say_so(tmp_path: Path) -> None:
    found = read_members(tmp_path, ("x.jpg", turned_jpeg()), ("x.json", OBJECTS))
    (record,) = found.records
    assert (record.object_id, record.reason) == ("1", Reason.MASK_SIZE_MISMATCH)
    assert record.detail.startswith(
        "the mask has 4 x 6 pixels, the image has 6 x 4 once its EXIF orientation is applied"
    )


def test_masks_of_a_turned_image_that_fit_are_told_to_be_taken_as_upright(tmp_path: Path) -> None:
    segmentation = {"size": [6, 4], "counts": rle.encode(MASK.T).decode()}
    document = json.dumps({"objects": [{"object_id": "1", "segmentation": segmentation}]}).encode()
    found = read_members(tmp_path, ("x.jpg", turned_jpeg()), ("x.json", document))
    assert (found.samples["x"].height, found.samples["x"].width) == (6, 4)
    assert "turned upright" in found.texts
    assert "masks were taken to be of the upright pixels" in found.texts


def tarred(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    write_tar(path, [(f"{path.stem}.png", PNG)])


@pytest.mark.parametrize(
    ("names", "pattern", "chosen"),
    [
        (["train-000000.tar", "train-000001.tar", "val-000000.tar"], "val-*.tar", ["val-000000.tar"]),
        (["a/train/0.tar", "a/test/0.tar"], "a/test/*.tar", ["0.tar"]),
        (["train/0.tar", "test/0.tar", "test/b/1.tar"], "test/**/*.tar", ["0.tar", "b/1.tar"]),
        (["train.tar", "test.tar"], "t*.tar", ["test.tar", "train.tar"]),
        (["a[1].tar", "b.tar"], "a[[]1].tar", ["a[1].tar"]),
    ],
)
def test_a_pattern_chooses_shards(tmp_path: Path, names: list[str], pattern: str, chosen: list[str]) -> None:
    for name in names:
        tarred(tmp_path / name)
    manifest = load_manifest(STORAGE, f"{tmp_path}/{pattern}")
    assert [shard.name for shard in manifest.shards] == chosen
    assert all(STORAGE.exists(manifest.shard_url(shard)) for shard in manifest.shards)


def test_a_folder_whose_name_looks_like_a_pattern_is_that_folder(tmp_path: Path) -> None:
    tarred(tmp_path / "photos[1]/a.tar")
    assert [shard.name for shard in load_manifest(STORAGE, f"{tmp_path}/photos[1]").shards] == ["a.tar"]
