"""A broken file costs its sample, or ends in one of this project's errors: never in a crash or a strange exception."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from PIL import Image

from infra import rle
from infra.click_logs.load import load_click_log
from infra.errors import ClickLogError, DatasetError, Reason, SampleError
from infra.runs.commit import CommitRecord, PartRecord
from infra.runs.tables import CLICKS
from infra.runs.time_spent import NO_TIME
from infra.shards.image_file import decode_image, stored_image
from infra.shards.manifest import ShardEntry, load_manifest
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import dump_document, parse_document
from infra.shards.shard_reader import read_shard
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from mfp.errors import WeightsError
from mfp.model_file import model_from_bytes, model_to_bytes
from mfp.models.lite0 import Lite0Config
from mfp.models.registry import build_network
from tests.faults.mutation import mutated
from tests.infra.rows import click_row, part_bytes
from tests.infra.sample_factory import random_pixels, sample

STORAGE = Storage()
FOLDER = "memory://broken-files"


@dataclass(frozen=True)
class Input:
    """A kind of file: a good one, what reads it, and how reading a broken one may end.

    `read` returns the number of things that it set aside; for a good file that is `num_set_aside`.
    """

    good: Callable[[], bytes]
    read: Callable[[bytes], int]
    may_raise: tuple[type[Exception], ...]
    num_set_aside: int = 0


def picture(image_format: str, mode: str = "RGB") -> Callable[[], bytes]:
    def draw() -> bytes:
        stream = io.BytesIO()
        pixels = random_pixels(24, 32)
        pixels[4:20, 6:20] = 200
        source = Image.fromarray(pixels)
        source = (
            Image.fromarray(pixels[..., 0].astype(np.uint16) * 257)
            if mode == "I;16"
            else source.convert(mode)
        )
        source.save(stream, image_format)
        return stream.getvalue()

    return draw


def read_picture(data: bytes) -> int:
    stored = stored_image(data)
    pixels = decode_image(stored.data)
    assert pixels.ndim == 3
    assert pixels.dtype == np.uint8
    return 0


def read_as_shard(extension: str) -> Callable[[bytes], int]:
    """Read a shard whose manifest is as broken as itself: no checksum saves the reader."""

    def read(data: bytes) -> int:
        url = f"{FOLDER}/shard.{extension}"
        STORAGE.write_bytes(url, data)
        return check(read_shard(STORAGE, url, ShardEntry(f"shard.{extension}", len(data), None, None, None)))

    return read


def check(items: Iterator[Sample | QuarantinedSample]) -> int:
    """What a reader lets through can be used; returns the number of records of what it set aside."""
    num_set_aside = 0
    for item in items:
        item.key.encode()
        if isinstance(item, QuarantinedSample):
            num_set_aside += 1
            continue
        for truth in item.objects:
            assert rle.decode(truth.rle, item.height, item.width).any()
    return num_set_aside


def tar_shard() -> bytes:
    samples = [sample("a", attributes={"place": "x"}), sample("folder/b"), sample("c")]
    write_dataset(iter(samples), f"{FOLDER}/tar", STORAGE, 10)
    return STORAGE.read_bytes(f"{FOLDER}/tar/shard-000000.tar")


def manifest() -> bytes:
    tar_shard()
    return STORAGE.read_bytes(f"{FOLDER}/tar/dataset.json")


def read_manifest(data: bytes) -> int:
    STORAGE.write_bytes(f"{FOLDER}/manifest/dataset.json", data)
    return 0 if load_manifest(STORAGE, f"{FOLDER}/manifest").shards else 1


def parquet_shard() -> bytes:
    rows = [
        {"key": f"k{index}", "image": {"bytes": picture("PNG")(), "path": f"{index}.png"}}
        for index in range(3)
    ]
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), stream)
    return stream.getvalue()


def document() -> bytes:
    return dump_document(
        "k", sample("k", 24, 32, {"a": [1, None]}), [QuarantinedSample("k", Reason.EMPTY_OBJECT, "x", "3")]
    )


def read_document(data: bytes) -> int:
    return check(parse_document("k", data, picture("PNG")()))


def click_lines() -> bytes:
    fields = ("sample_key", "object_id", "click_idx", "y", "x", "is_foreground")
    values = [("a", "1", index, 3.5 * index, 2.0, index % 2 == 0) for index in range(6)]
    return "\n".join(json.dumps(dict(zip(fields, row, strict=True))) for row in values).encode()


def click_table() -> bytes:
    return part_bytes(CLICKS, [click_row("a", "1", index, iou=0.5) for index in range(6)])


def click_csv() -> bytes:
    rows = "".join(f'"a",1,{index},{3.5 * index},2,{index % 2}\n' for index in range(6))
    return f"sample_key,object_id,click_idx,y,x,is_foreground\n{rows}".encode()


def click_tasks() -> bytes:
    value = {"x": 50.5, "y": 25, "keypointlabels": ["cat"]}
    points = [{"id": "r", "type": "keypointlabels", "is_positive": True, "value": value}] * 2
    data = {"image": "/data/upload/2/1a2b3c4d-cat.jpg"}
    return json.dumps([{"id": 1, "data": data, "annotations": [{"id": 3, "result": points}]}]).encode()


def click_xml() -> bytes:
    points = (
        '<points label="cat" points="1.5,2;3,4" group_id="1"><attribute name="kind">neg</attribute></points>'
    )
    image = f'<image id="0" name="a.jpg" width="32" height="24">{points}</image>'
    return f'<?xml version="1.0" encoding="utf-8"?>\n<annotations>{image}</annotations>'.encode()


def click_coco() -> bytes:
    annotation = {"id": 9, "image_id": 5, "category_id": 1, "keypoints": [1.5, 2, 2, 3, 4, 1]}
    category = {"id": 1, "name": "cat", "keypoints": ["nose", "negative_1"]}
    images = [{"id": 5, "file_name": "a.jpg"}]
    return json.dumps({"images": images, "annotations": [annotation], "categories": [category]}).encode()


def read_clicks(extension: str) -> Callable[[bytes], int]:
    def read(data: bytes) -> int:
        url = f"{FOLDER}/clicks.{extension}"
        STORAGE.write_bytes(url, data)
        assert load_click_log(STORAGE, url).num_clicks > 0
        return 0

    return read


def commit_record() -> bytes:
    parts = {name: PartRecord(f"{name}/x", 1, 2, "00") for name in ("masks", "clicks", "errors")}
    finished = datetime(2026, 1, 1, 12, tzinfo=UTC)
    return CommitRecord("s.tar", "1", "t", parts, 1, 0.5, NO_TIME, finished, "0123456789abcdef").to_bytes()


def model() -> bytes:
    config = Lite0Config(decoder_channels=8)
    return model_to_bytes(config, build_network(config).state_dict(), {"steps": 1})


def runs() -> bytes:
    return rle.encode(np.random.default_rng(0).random((30, 40)) > 0.7)


def read_runs(data: bytes) -> int:
    assert rle.decode(data, 30, 40).shape == (30, 40)
    return 0


def read_commit(data: bytes) -> int:
    assert CommitRecord.from_bytes(data).shard == "s.tar", "a record that was changed has another checksum"
    return 0


def read_model(data: bytes) -> int:
    assert isinstance(model_from_bytes(data).config, Lite0Config)
    return 0


KINDS = {
    "jpeg": Input(picture("JPEG"), read_picture, (SampleError,)),
    "jpeg_cmyk": Input(picture("JPEG", "CMYK"), read_picture, (SampleError,)),
    "png": Input(picture("PNG"), read_picture, (SampleError,)),
    "png_palette": Input(picture("PNG", "P"), read_picture, (SampleError,)),
    "png_16_bit": Input(picture("PNG", "I;16"), read_picture, (SampleError,)),
    "webp": Input(picture("WEBP"), read_picture, (SampleError,)),
    "gif": Input(picture("GIF"), read_picture, (SampleError,)),
    "tiff": Input(picture("TIFF"), read_picture, (SampleError,)),
    "bmp": Input(picture("BMP"), read_picture, (SampleError,)),
    "tar": Input(tar_shard, read_as_shard("tar"), (DatasetError,)),
    "parquet": Input(parquet_shard, read_as_shard("parquet"), (DatasetError,)),
    "dataset.json": Input(manifest, read_manifest, (DatasetError,)),
    "sample.json": Input(document, read_document, (SampleError,), num_set_aside=1),
    "clicks.jsonl": Input(click_lines, read_clicks("jsonl"), (ClickLogError,)),
    "clicks.parquet": Input(click_table, read_clicks("parquet"), (ClickLogError,)),
    "clicks.csv": Input(click_csv, read_clicks("csv"), (ClickLogError,)),
    "clicks.label-studio.json": Input(click_tasks, read_clicks("json"), (ClickLogError,)),
    "clicks.xml": Input(click_xml, read_clicks("xml"), (ClickLogError,)),
    "clicks.coco.json": Input(click_coco, read_clicks("json"), (ClickLogError,)),
    "commit.json": Input(commit_record, read_commit, (ValueError,)),
    "rle": Input(runs, read_runs, (ValueError,)),
    "model": Input(model, read_model, (WeightsError,)),
}


@pytest.mark.parametrize("kind", KINDS)
def test_a_good_file_is_read(kind: str) -> None:
    assert KINDS[kind].read(KINDS[kind].good()) == KINDS[kind].num_set_aside


@pytest.mark.filterwarnings("ignore::UserWarning:PIL")  # Pillow says so of a strange header, and reads on
@pytest.mark.parametrize("kind", KINDS)
def test_a_broken_file_ends_in_an_error_of_ours_or_is_read(kind: str, fuzz_inputs: int) -> None:
    good = KINDS[kind].good()
    num_told = 0
    for seed in range(fuzz_inputs):
        broken = mutated(good, (seed, len(kind)))
        try:
            num_told += KINDS[kind].read(broken) > KINDS[kind].num_set_aside
        except KINDS[kind].may_raise as error:
            num_told += 1
            assert "\n" not in str(error), f"seed {seed}"
        except Exception as error:
            raise AssertionError(f"{kind}, seed {seed}: {type(error).__name__}: {error}") from error
    assert num_told, "edits that break nothing test nothing"
