from __future__ import annotations

import dataclasses
import io
import json
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from infra.errors import DatasetError, Reason
from infra.shards.manifest import load_manifest
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage, join
from tests.infra.sample_factory import encoded, random_pixels, sample

STORAGE = Storage()
HUGGING_FACE_IMAGE = pa.struct([("bytes", pa.binary()), ("path", pa.string())])
OBJECTS = pa.list_(
    pa.struct([("object_id", pa.string()), ("counts", pa.binary()), ("attributes", pa.string())])
)


def parquet_bytes(columns: dict[str, pa.Array], **options: Any) -> bytes:
    stream = io.BytesIO()
    pq.write_table(pa.table(columns), stream, **options)
    return stream.getvalue()


def read_all(url: str) -> list[ShardItem]:
    manifest = load_manifest(STORAGE, url)
    return [
        item for shard in manifest.shards for item in read_shard(STORAGE, manifest.shard_url(shard), shard)
    ]


def read_one(folder: Path, columns: dict[str, pa.Array]) -> list[ShardItem]:
    (folder / "x.parquet").write_bytes(parquet_bytes(columns))
    return read_all(str(folder))


def columns_of(samples: list[Sample]) -> dict[str, pa.Array]:
    return {
        "image": pa.array(
            [{"bytes": item.image_bytes, "path": "x.png"} for item in samples], HUGGING_FACE_IMAGE
        ),
        "key": pa.array([item.key for item in samples]),
        "objects": pa.array(
            [
                [
                    {
                        "object_id": truth.object_id,
                        "counts": truth.rle,
                        "attributes": json.dumps(truth.attributes),
                    }
                    for truth in item.objects
                ]
                for item in samples
            ],
            OBJECTS,
        ),
        "ignore": pa.array([item.ignore_rle for item in samples]),
        "attributes": pa.array([json.dumps(item.attributes) for item in samples]),
    }


def test_samples_come_back_from_any_storage(folder_url: str) -> None:
    samples = [sample(f"dir/{idx}.x", attributes={"idx": idx}) for idx in range(20)]
    data = parquet_bytes(columns_of(samples), row_group_size=7)
    STORAGE.write_bytes(join(folder_url, "data/train-00000-of-00001.parquet"), data)
    manifest = load_manifest(STORAGE, folder_url)
    assert manifest.kind == "parquet"
    assert [shard.name for shard in manifest.shards] == ["data/train-00000-of-00001.parquet"]
    assert read_all(folder_url) == samples


def test_images_alone_get_keys_that_no_other_shard_has(tmp_path: Path) -> None:
    images = pa.array([{"bytes": encoded(random_pixels(4, 6)), "path": "0.png"}] * 2, HUGGING_FACE_IMAGE)
    for name in ("a", "b"):
        (tmp_path / f"{name}.parquet").write_bytes(
            parquet_bytes({"image": images, "label": pa.array([1, 2])})
        )
    items = read_all(str(tmp_path))
    assert [item.key for item in items] == ["a/000000", "a/000001", "b/000000", "b/000001"]
    assert all(isinstance(item, Sample) and item.objects == () for item in items)


def test_an_image_column_of_plain_bytes_is_read(tmp_path: Path) -> None:
    for column in (pa.binary(), pa.large_binary()):
        (item,) = read_one(tmp_path, {"image": pa.array([encoded(random_pixels(4, 6))], column)})
        assert isinstance(item, Sample)
        assert (item.height, item.width) == (4, 6)


def test_objects_of_another_meaning_are_left_alone(tmp_path: Path) -> None:
    columns = columns_of([sample("a")])
    boxes = pa.struct([("bbox", pa.list_(pa.list_(pa.float32(), 4))), ("category", pa.list_(pa.int64()))])
    columns["objects"] = pa.array([{"bbox": [[0, 0, 1, 1]], "category": [3]}], boxes)
    assert read_one(tmp_path, columns) == [dataclasses.replace(sample("a"), objects=())]


def test_broken_rows_are_records(tmp_path: Path) -> None:
    good = sample("good")
    columns = columns_of(
        [dataclasses.replace(good, key=key) for key in ("text", "none", "json", "size", "good", "good")]
    )
    images = columns["image"].to_pylist()
    images[0]["bytes"], images[1]["bytes"] = b"text", None
    columns["image"] = pa.array(images, HUGGING_FACE_IMAGE)
    columns["attributes"] = pa.array([None, None, "{", None, None, None])
    objects = columns["objects"].to_pylist()
    objects[3][0]["counts"] = b"04"
    columns["objects"] = pa.array(objects, OBJECTS)
    items = read_one(tmp_path, columns)
    records = [
        (item.key, item.object_id, item.reason) for item in items if isinstance(item, QuarantinedSample)
    ]
    assert records == [
        ("text", None, Reason.UNDECODABLE_IMAGE),
        ("none", None, Reason.MISSING_IMAGE),
        ("json", None, Reason.BAD_METADATA),
        ("size", "1", Reason.BAD_METADATA),
        ("good", None, Reason.DUPLICATE_KEY),
    ]
    assert [item.key for item in items if isinstance(item, Sample)] == ["size", "good"]


@pytest.mark.parametrize(
    "columns",
    [
        {"text": pa.array(["a"])},
        {"image": pa.array(["a"])},
        {"image": pa.array([{"bytes": "a"}])},
        {"image": pa.array([{"bytes": [1, 2]}])},
    ],
)
def test_a_file_without_image_bytes_is_one_line(tmp_path: Path, columns: dict[str, pa.Array]) -> None:
    with pytest.raises(DatasetError, match="no column `image` of encoded bytes; its columns are"):
        read_one(tmp_path, columns)


def test_an_image_column_that_is_there_twice_is_one_line(tmp_path: Path) -> None:
    image = pa.array([encoded(random_pixels(4, 6))])
    pq.write_table(pa.Table.from_arrays([image, image], names=["image", "image"]), tmp_path / "s.parquet")
    with pytest.raises(
        DatasetError, match="no column `image` of encoded bytes; its columns are image, image"
    ):
        list(read_shard(STORAGE, str(tmp_path / "s.parquet")))


@pytest.mark.parametrize("attributes", [5, {"a": 1}])
def test_attributes_of_an_object_that_are_no_text_cost_their_row(tmp_path: Path, attributes: object) -> None:
    columns = columns_of([sample("a"), sample("b")])
    objects = columns["objects"].to_pylist()
    columns["objects"] = pa.array([[{**entry, "attributes": attributes} for entry in objects[0]], None])
    records = read_one(tmp_path, columns)
    assert [(item.key, getattr(item, "reason", None)) for item in records] == [
        ("a", Reason.BAD_METADATA),
        ("b", None),
    ]


def test_a_file_that_is_cut_off_or_changed_ends_with_an_error(tmp_path: Path) -> None:
    data = parquet_bytes(columns_of([sample("a", 60, 60)]), compression="none")
    manifest_before = None
    for broken in (data[:-20], b"no parquet", b""):
        (tmp_path / "x.parquet").write_bytes(broken)
        manifest_before = load_manifest(STORAGE, str(tmp_path))
        with pytest.raises(DatasetError, match=r"x\.parquet is broken at row 0") as caught:
            read_all(str(tmp_path))
        assert "\n" not in str(caught.value)
    assert manifest_before is not None
    (tmp_path / "x.parquet").write_bytes(data)
    with pytest.raises(DatasetError, match="bytes, the data set says 0"):
        list(read_shard(STORAGE, str(tmp_path / "x.parquet"), manifest_before.shards[0]))


def test_a_damaged_page_ends_with_an_error(tmp_path: Path) -> None:
    data = parquet_bytes(columns_of([sample("a", 60, 60)]), compression="zstd")
    for first in range(4, len(data) - 8, 97):
        (tmp_path / "x.parquet").write_bytes(data[:first] + b"\xb4\xff\xb4\xff" + data[first + 4 :])
        try:
            read_all(str(tmp_path))
        except DatasetError as error:
            assert "\n" not in str(error)
