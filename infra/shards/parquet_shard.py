"""Parquet shards with an image column, as Hugging Face datasets writes them.

| column | type | |
|---|---|---|
| `image` | struct<bytes: binary, path: string>, or binary | encoded image |
| `key` | string | optional; without it the key is `<shard>/<row>`, since paths repeat between folders |
| `objects` | list<struct<object_id: string, counts: binary, attributes: string>> | optional |
| `ignore` | binary or string | optional: pixels that do not count |
| `attributes` | string | optional |

`counts` and `ignore` are COCO's compressed counts over the whole image, the `attributes` are JSON objects, and
may be absent in `objects` too. Other names and forms are read if they can mean one thing only (`parquet_columns.py`,
`parquet_objects.py`); a run tells what was taken for what, and which columns are not read.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DatasetError, Reason
from infra.shards.file_signs import what_is_no_shard
from infra.shards.parquet_columns import ParquetColumns, choose_columns
from infra.shards.parquet_objects import attributes_of
from infra.shards.raw_sample import RawMask, RawSample, check_sample
from infra.shards.sample import QuarantinedSample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import OnNote, ShardNote

_ROWS_AT_ONCE = 1  # 8 take a third less time a row, and keep dozens of images in memory
_PAGE_BUFFER = 2**20
_MAGIC, _BEGINNING = b"PAR1", 512


def read_parquet(stream: BinaryIO, url: str, shard_stem: str, on_note: OnNote) -> Iterator[ShardItem]:
    """Yield the rows of a Parquet file as samples; memory holds a row and a few pages, not a row group.

    Raises:
        DatasetError: the file is broken or none, or its columns do not tell image or masks.

    """
    row_idx = 0
    beginning = stream.read(_BEGINNING)
    stream.seek(0)
    if not beginning.startswith(_MAGIC) and (other := what_is_no_shard(beginning)):
        raise DatasetError(f"shard {url} is {other}")
    try:
        with pq.ParquetFile(stream, buffer_size=_PAGE_BUFFER, pre_buffer=False) as file:
            columns = choose_columns(file.schema_arrow, url, on_note)
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns.names, use_threads=False):
                for row in batch.to_pylist():
                    yield from _items_of_row(row, columns, f"{shard_stem}/{row_idx:06d}", on_note)
                    row_idx += 1
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # a damaged page raises OSError
        reason = str(error).splitlines()[0]
        raise DatasetError(f"shard {url} is broken at row {row_idx} ({reason}): copy it again") from None


def _items_of_row(
    row: dict[str, Any], columns: ParquetColumns, row_key: str, on_note: OnNote
) -> Iterator[ShardItem]:
    key = row.get(columns.key)
    key = row_key if key is None or key == "" else str(key)
    image = row[columns.image]
    image_bytes = image["bytes"] if isinstance(image, dict) else image
    if image_bytes is None:
        yield QuarantinedSample(key, Reason.MISSING_IMAGE, _without_bytes(image))
        return
    try:
        raw = RawSample(
            key=key,
            image_bytes=image_bytes,
            objects=columns.objects.read(
                row.get(columns.objects.name), lambda text: on_note(ShardNote(text, key))
            ),
            ignore=_ignore(row.get(columns.ignore)),
            attributes=attributes_of(row.get(columns.attributes)),
        )
    except ValueError as error:
        yield QuarantinedSample(key, Reason.BAD_METADATA, str(error))
        return
    yield from check_sample(raw, on_note)


def _without_bytes(image: Any) -> str:
    path = image.get("path") if isinstance(image, dict) else None
    if not path:
        return "the row holds no image bytes"
    return (
        f"the row holds the path {path} and no image bytes: write the files into the data set, as `push_to_hub` of "
        "datasets does, or run mfp shard on them"
    )


def _ignore(counts: bytes | str | None) -> RawMask | None:
    if counts is None:
        return None
    return RawMask(counts.encode() if isinstance(counts, str) else counts)
