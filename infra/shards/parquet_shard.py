"""Parquet shards with an image column, as Hugging Face datasets writes them.

| column | type | |
|---|---|---|
| `image` | struct<bytes: binary, path: string>, or binary | encoded image |
| `key` | string | optional; without it the key is `<shard>/<row>`, since paths repeat between folders |
| `objects` | list<struct<object_id: string, counts: binary, attributes: string>> | optional |
| `ignore` | binary or string | optional: pixels that do not count |
| `attributes` | string | optional |

`counts` and `ignore` are COCO's compressed counts over the whole image, the `attributes` are JSON objects, and
may be absent in `objects` too. A column `objects` of any other type is something else (boxes, captions) and is
left alone: those samples have no truth.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, BinaryIO

import pyarrow as pa
import pyarrow.parquet as pq

from infra.errors import DatasetError, Reason
from infra.json_text import parse_json
from infra.shards.sample import JsonValue, QuarantinedSample
from infra.shards.sample_document import RawMask, RawObject, RawSample, ShardItem, check_sample

_ROWS_AT_ONCE = 1  # 8 take a third less time a row, and keep dozens of images in memory
_PAGE_BUFFER = 2**20


def read_parquet(stream: BinaryIO, url: str, shard_stem: str) -> Iterator[ShardItem]:
    """Yield the rows of a Parquet file as samples; memory holds a row and a few pages, not a row group.

    Raises:
        DatasetError: the file is broken, or has no image column.

    """
    row_idx = 0
    try:
        with pq.ParquetFile(stream, buffer_size=_PAGE_BUFFER, pre_buffer=False) as file:
            columns = _columns(file.schema_arrow, url)
            for batch in file.iter_batches(_ROWS_AT_ONCE, columns=columns, use_threads=False):
                for row in batch.to_pylist():
                    yield from _items_of_row(row, f"{shard_stem}/{row_idx:06d}")
                    row_idx += 1
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:  # a damaged page raises OSError
        reason = str(error).splitlines()[0]
        raise DatasetError(f"shard {url} is broken at row {row_idx} ({reason}): copy it again") from None


def _columns(schema: pa.Schema, url: str) -> list[str]:
    # a name that two columns have is that of none
    if schema.names.count("image") != 1 or not _is_image(schema.field("image").type):
        raise DatasetError(
            f"shard {url} has no column `image` of encoded bytes; its columns are {', '.join(schema.names)}"
        )
    accepted = {"image": _is_image, "key": _is_string, "objects": _is_objects, "ignore": _is_bytes}
    accepted["attributes"] = _is_string
    return [
        name
        for name, fits in accepted.items()
        if schema.names.count(name) == 1 and fits(schema.field(name).type)
    ]


def _is_image(column: pa.DataType) -> bool:
    if not pa.types.is_struct(column):
        return _is_binary(column)
    index = column.get_field_index("bytes")
    return index >= 0 and _is_binary(column.field(index).type)


def _is_objects(column: pa.DataType) -> bool:
    if not (pa.types.is_list(column) or pa.types.is_large_list(column)):
        return False
    entry = column.value_type
    return pa.types.is_struct(entry) and all(
        entry.get_field_index(name) >= 0 for name in ("object_id", "counts")
    )


def _is_binary(column: pa.DataType) -> bool:
    return bool(pa.types.is_binary(column) or pa.types.is_large_binary(column))


def _is_string(column: pa.DataType) -> bool:
    return bool(pa.types.is_string(column) or pa.types.is_large_string(column))


def _is_bytes(column: pa.DataType) -> bool:
    return _is_binary(column) or _is_string(column)


def _items_of_row(row: dict[str, Any], row_key: str) -> Iterator[ShardItem]:
    key = row.get("key") or row_key
    image = row["image"]
    image_bytes = image["bytes"] if isinstance(image, dict) else image
    if image_bytes is None:
        yield QuarantinedSample(key, Reason.MISSING_IMAGE, "the row holds no image bytes")
        return
    try:
        raw = RawSample(
            key=key,
            image_bytes=image_bytes,
            objects=[_raw_object(entry) for entry in row.get("objects") or [] if entry is not None],
            ignore=_raw_mask(row.get("ignore")),
            attributes=_attributes(row.get("attributes")),
        )
    except ValueError as error:
        yield QuarantinedSample(key, Reason.BAD_METADATA, str(error))
        return
    yield from check_sample(raw)


def _raw_object(entry: dict[str, Any]) -> RawObject:
    attributes = _attributes(entry.get("attributes"))
    return RawObject(str(entry["object_id"]), _raw_mask(entry["counts"]), attributes)


def _raw_mask(counts: bytes | str | None) -> RawMask | None:
    if counts is None:
        return None
    return RawMask(counts.encode() if isinstance(counts, str) else counts)


def _attributes(text: Any) -> dict[str, JsonValue]:
    if text is not None and not isinstance(text, str):
        raise ValueError("attributes are no text")
    attributes = parse_json(text) if text else {}
    if not isinstance(attributes, dict):
        raise ValueError("attributes are no JSON object")
    return attributes
