"""Parquet of other programs: what plainly means a mask is read, everything else is named."""

from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from infra import rle
from infra.errors import DatasetError, Reason
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import NoteTally
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from tests.infra.sample_factory import encoded, random_pixels, rectangle

PNG = encoded(random_pixels(4, 6))
MASKS = [rectangle(4, 6, slice(1, 3), slice(2, 5)), rectangle(4, 6, slice(0, 2), slice(0, 1))]
COUNTS = [rle.encode(mask) for mask in MASKS]
RUNS = [rle.run_lengths(counts, 4, 6).tolist() for counts in COUNTS]
SIZE = [4, 6]
IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])


def image_cell(data: bytes | None, path: str | None = None) -> dict[str, Any]:
    return {"bytes": data, "path": path}


IMAGES = pa.array([image_cell(PNG)], IMAGE)
MASK_PNGS = [encoded(mask.astype(np.uint8) * 255) for mask in MASKS]


def read(folder: Path, columns: dict[str, pa.Array]) -> tuple[list[ShardItem], str]:
    pq.write_table(pa.table(columns), folder / "x.parquet")
    tally = NoteTally()
    items = list(read_shard(Storage(), str(folder / "x.parquet"), None, tally.add))
    return items, "\n".join(map(str, tally.counts()))


def one_sample(items: list[ShardItem]) -> Sample:
    (item,) = items
    assert isinstance(item, Sample), item
    return item


STRUCTS_OF_RLE = [{"size": SIZE, "counts": counts.decode()} for counts in COUNTS]


@pytest.mark.parametrize(
    ("name", "cell", "ids"),
    [
        ("objects", {"object_id": ["a", "b"], "counts": COUNTS}, ["a", "b"]),
        ("objects", {"id": [5, 7], "counts": [counts.decode() for counts in COUNTS]}, ["5", "7"]),
        ("objects", {"id": [5, 7], "segmentation": STRUCTS_OF_RLE}, ["5", "7"]),
        ("objects", {"size": [SIZE, SIZE], "counts": RUNS}, ["1", "2"]),
        ("objects", [{"id": 3, "rle": STRUCTS_OF_RLE[0]}, {"id": 4, "rle": STRUCTS_OF_RLE[1]}], ["3", "4"]),
        ("annotations", [{"id": 3, "segmentation": value} for value in STRUCTS_OF_RLE[:1]] * 1, ["3"]),
        ("masks", STRUCTS_OF_RLE, ["1", "2"]),
        ("segmentation", STRUCTS_OF_RLE[0], ["1"]),
        ("rle", [{"size": SIZE, "counts": runs} for runs in RUNS], ["1", "2"]),
        ("rles", [counts.decode() for counts in COUNTS], ["1", "2"]),
        ("rle", RUNS[0], ["1"]),
        ("mask", image_cell(MASK_PNGS[0]), ["1"]),
        ("segmentation_mask", image_cell(MASK_PNGS[0], "a.png"), ["1"]),
        ("label", MASK_PNGS[0], ["1"]),
        ("masks", [image_cell(data) for data in MASK_PNGS], ["1", "2"]),
        ("masks", MASK_PNGS, ["1", "2"]),
        ("objects", [{"object_id": "m", "mask": image_cell(MASK_PNGS[0])}], ["m"]),
    ],
)
def test_masks_in_any_plain_form_are_read_and_said(
    tmp_path: Path, name: str, cell: Any, ids: list[str]
) -> None:
    items, notes = read(tmp_path, {"image": IMAGES, name: pa.array([cell])})
    sample = one_sample(items)
    assert [truth.object_id for truth in sample.objects] == ids
    for truth, mask in zip(sample.objects, MASKS, strict=False):
        np.testing.assert_array_equal(rle.decode(truth.rle, 4, 6), mask)
    assert f"column {name} (" in notes
    assert "taken for object masks" in notes


def test_what_else_is_said_of_an_object_becomes_its_attributes(tmp_path: Path) -> None:
    objects = {"id": [1], "counts": COUNTS[:1], "score": [0.5], "bbox": [[2, 1, 3, 2]]}
    items, _ = read(tmp_path, {"image": IMAGES, "objects": pa.array([objects])})
    assert one_sample(items).objects[0].attributes == {"score": 0.5, "bbox": [2, 1, 3, 2]}


@pytest.mark.parametrize(
    ("cell", "ids", "told"),
    [
        ([{"id": 1.0, "counts": COUNTS[0]}, {"id": 25.0, "counts": COUNTS[1]}], ["1", "25"], ""),
        (
            [{"id": 1, "counts": COUNTS[0], "iscrowd": 1}, {"id": 2, "counts": COUNTS[1], "iscrowd": 0}],
            ["2"],
            "1 x objects with iscrowd 1",
        ),
        ({"id": [1, 2], "counts": COUNTS, "iscrowd": [0, 1]}, ["1"], "1 x objects with iscrowd 1"),
        ([None, {"id": 7, "counts": COUNTS[0]}], ["7"], "1 x entries of lists of masks that are null"),
    ],
)
def test_entries_of_objects_are_taken_or_told(tmp_path: Path, cell: Any, ids: list[str], told: str) -> None:
    items, notes = read(tmp_path, {"image": IMAGES, "objects": pa.array([cell])})
    assert [truth.object_id for truth in one_sample(items).objects] == ids
    assert told in notes
    assert ("left out" in notes) == bool(told)


def test_columns_as_documented_need_no_word(tmp_path: Path) -> None:
    objects = pa.array([[{"object_id": "1", "counts": COUNTS[0]}]])
    items, notes = read(tmp_path, {"image": IMAGES, "key": pa.array(["k"]), "objects": objects})
    assert (len(one_sample(items).objects), notes) == (1, "")


def test_lists_of_different_lengths_cost_their_row(tmp_path: Path) -> None:
    objects = pa.array([{"object_id": ["a"], "counts": COUNTS}])
    (record,), _ = read(tmp_path, {"image": IMAGES, "objects": objects})
    assert isinstance(record, QuarantinedSample)
    assert (record.reason, record.detail) == (
        Reason.BAD_METADATA,
        "the lists of the objects are of different lengths: object_id 1, counts 2",
    )


def png_of(pixels: Any, mode: str | None = None, palette: list[int] | None = None, **options: Any) -> bytes:
    image = Image.fromarray(np.asarray(pixels, np.uint8), mode)
    if palette:
        image.putpalette(palette)
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def lossy(mask: np.ndarray[Any, Any]) -> bytes:
    return encoded(np.kron(mask, np.ones((5, 5))).astype(np.uint8) * 255, "JPEG")


BITS = MASKS[0].astype(np.uint8)
RED_AND_BLUE = np.stack([BITS * 255, BITS * 0, (1 - BITS) * 255], 2)


@pytest.mark.parametrize(
    "data",
    [
        png_of(BITS),
        png_of(BITS * 255),
        png_of(np.repeat(BITS[:, :, None] * 255, 3, 2)),
        png_of(BITS, "P", [0, 0, 0, 128, 0, 0]),
        png_of(1 - BITS, "P", [255, 255, 255, 0, 0, 0]),  # what is black is background, whatever its index
        encoded(MASKS[0]),
        encoded(BITS.astype(np.uint16) * 65535),
    ],
)
def test_a_mask_image_of_black_and_one_other_value_is_an_object(tmp_path: Path, data: bytes) -> None:
    items, _ = read(tmp_path, {"image": IMAGES, "mask": pa.array([image_cell(data)], IMAGE)})
    np.testing.assert_array_equal(rle.decode(one_sample(items).objects[0].rle, 4, 6), MASKS[0])


@pytest.mark.parametrize(
    ("data", "reason", "said"),
    [
        (png_of(BITS + 1), Reason.AMBIGUOUS_MASK, "the values 1, 2, not 0 and one other"),
        (png_of(np.arange(24).reshape(4, 6)), Reason.AMBIGUOUS_MASK, "mfp shard --layout folder"),
        (png_of(RED_AND_BLUE), Reason.AMBIGUOUS_MASK, "mfp shard --layout folder"),
        (lossy(MASKS[0]), Reason.AMBIGUOUS_MASK, "in all"),
        (
            png_of(np.concatenate([np.zeros((4, 6, 3)), BITS[:, :, None] * 255], 2)),
            Reason.AMBIGUOUS_MASK,
            "transparent",
        ),
        (png_of(BITS * 0), Reason.EMPTY_OBJECT, "no object pixel"),
        (png_of(BITS.T), Reason.MASK_SIZE_MISMATCH, "height and width are swapped"),
        (b"no image", Reason.UNDECODABLE_MASK, "8 bytes that are no image"),
        (None, Reason.BAD_METADATA, "no bytes"),
    ],
)
def test_a_mask_image_that_may_mean_other_things_is_a_record(
    tmp_path: Path, data: bytes | None, reason: Reason, said: str
) -> None:
    (record,), _ = read(tmp_path, {"image": IMAGES, "mask": pa.array([image_cell(data)], IMAGE)})
    assert isinstance(record, QuarantinedSample)
    assert (record.object_id, record.reason) == ("1", reason)
    assert said in record.detail


@pytest.mark.parametrize(
    ("name", "column"),
    [
        ("img", IMAGES),
        ("jpg", pa.array([PNG])),
        ("image_bytes", pa.array([PNG], pa.large_binary())),
        ("photo", IMAGES),
    ],
)
def test_the_only_column_that_can_be_the_image_is_taken_and_said(
    tmp_path: Path, name: str, column: pa.Array
) -> None:
    columns = {name: column, "mask": pa.array([image_cell(MASK_PNGS[0])], IMAGE), "url": pa.array(["u"])}
    items, notes = read(tmp_path, columns)
    assert len(one_sample(items).objects) == 1
    assert f"column {name} taken for the image" in notes
    assert "columns that are not read: url (string)" in notes


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"left": IMAGES, "right": IMAGES}, "several columns that can be the image: left, right"),
        ({"image": pa.array(["a.jpg"])}, "image is text, such as paths"),
        ({"images": pa.array([[image_cell(PNG)]], pa.list_(IMAGE))}, "images holds lists of images"),
        ({"image": pa.array([[[[1, 2, 3]]]])}, "image holds decoded pixels"),
        ({"text": pa.array(["a"]), "n": pa.array([1])}, "its columns are text, n$"),
        (
            {"image": IMAGES, "mask": IMAGES, "rle": pa.array([STRUCTS_OF_RLE[0]])},
            "several columns that can be the object masks: mask .*, rle .*: keep one, or call one `objects`",
        ),
    ],
)
def test_columns_that_do_not_tell_are_named(tmp_path: Path, columns: dict[str, pa.Array], said: str) -> None:
    with pytest.raises(DatasetError, match=said) as caught:
        read(tmp_path, columns)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "cell",
    [
        {"bbox": [[0, 0, 1, 1]], "category": [3]},
        [{"id": 1, "segmentation": [[0.0, 0.0, 3.0, 0.0, 3.0, 3.0]]}],
        "a caption",
        3,
    ],
)
def test_objects_without_masks_are_named_with_what_was_expected(tmp_path: Path, cell: Any) -> None:
    items, notes = read(tmp_path, {"image": IMAGES, "objects": pa.array([cell])})
    assert one_sample(items).objects == ()
    assert "columns that are not read: objects (" in notes
    assert "no column of object masks; `objects` would be list<struct<object_id" in notes


def test_a_path_without_bytes_names_the_way_to_store_them(tmp_path: Path) -> None:
    images = pa.array([image_cell(None, "train/a.jpg"), None], IMAGE)
    (with_path, without), _ = read(tmp_path, {"image": images})
    assert isinstance(with_path, QuarantinedSample) and isinstance(without, QuarantinedSample)
    assert {with_path.reason, without.reason} == {Reason.MISSING_IMAGE}
    assert "the path train/a.jpg and no image bytes" in with_path.detail
    assert without.detail == "the row holds no image bytes"


@pytest.mark.parametrize(
    ("name", "keys", "expected", "said"),
    [
        ("key", ["a", None], ["a", "x/000001"], ""),
        ("key", [7, 8], ["7", "8"], ""),
        ("__key__", ["a", "b"], ["a", "b"], "column __key__ taken for the key"),
        ("key", [0.5, 1.5], ["x/000000", "x/000001"], "not read: key (double)"),
    ],
)
def test_keys_are_texts_or_whole_numbers(
    tmp_path: Path, name: str, keys: list[Any], expected: list[str], said: str
) -> None:
    images = pa.array([image_cell(PNG), image_cell(encoded(random_pixels(4, 6, 1)))], IMAGE)
    items, notes = read(tmp_path, {"image": images, name: pa.array(keys)})
    assert [item.key for item in items] == expected
    assert said in notes


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"version https://git-lfs.github.com/spec/v1\n", "git lfs pull"),
        (b"\x1f\x8b" + bytes(50), "gunzip"),
        (b"ARROW1" + bytes(50), "to_parquet"),
        (bytes(257) + b"ustar" + bytes(300), "call it .tar"),
    ],
)
def test_a_file_that_is_no_parquet_is_called_what_it_is(tmp_path: Path, data: bytes, said: str) -> None:
    (tmp_path / "x.parquet").write_bytes(data)
    with pytest.raises(DatasetError, match=said):
        list(read_shard(Storage(), str(tmp_path / "x.parquet")))


def test_attributes_of_objects_in_any_form_may_be_json_text(tmp_path: Path) -> None:
    objects = {"object_id": ["a"], "counts": COUNTS[:1], "attributes": [json.dumps({"x": 1})]}
    items, _ = read(tmp_path, {"image": IMAGES, "objects": pa.array([objects])})
    assert dataclasses.asdict(one_sample(items).objects[0])["attributes"] == {"x": 1}
