"""Which columns of a Parquet file are read as what; everything that is not as documented is told."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pyarrow as pa

from infra.errors import DatasetError
from infra.shards.parquet_objects import (
    EXPECTED,
    MASK_NAMES,
    NO_OBJECTS,
    ObjectsColumn,
    is_binary,
    is_image_struct,
    is_list,
    is_string,
    objects_columns,
)
from infra.shards.shard_note import OnNote, ShardNote
from infra.storage.files import basename

_NOT_IMAGES = MASK_NAMES | {
    "key",
    "ignore",
    "attributes",
    "audio",
    "video",
    "depth",
    "depth_map",
    "embedding",
}
_KEY_NAMES = ("key", "__key__")
_TYPE_LETTERS = 60
_MOST_COLUMNS = 12  # named of those that are not read


@dataclass(frozen=True)
class ParquetColumns:
    """The columns that are read, "" if there is none of the kind."""

    image: str
    key: str
    objects: ObjectsColumn
    ignore: str
    attributes: str

    @property
    def names(self) -> list[str]:
        """Return the names of the columns to read."""
        named = (self.image, self.key, self.objects.name, self.ignore, self.attributes)
        return [name for name in named if name]


def choose_columns(schema: pa.Schema, url: str, on_note: OnNote) -> ParquetColumns:
    """Choose the columns of a file.

    Raises:
        DatasetError: no column can be the image, or several can be the image or the masks.

    """
    # a name that two columns have is that of none
    fields = [field for field in schema if schema.names.count(field.name) == 1]
    types = {field.name: field.type for field in fields}
    candidates = objects_columns(fields)
    if len(candidates) > 1:
        raise DatasetError(
            f"shard {url} has several columns that can be the object masks: {_named(types, candidates)}: keep one, "
            "or call one `objects`"
        )
    objects = candidates[0] if candidates else NO_OBJECTS
    columns = ParquetColumns(
        image=_image_column(schema, types, url),
        key=next((name for name in _KEY_NAMES if name in types and _is_key(types[name])), ""),
        objects=objects,
        ignore="ignore" if "ignore" in types and _is_bytes(types["ignore"]) else "",
        attributes="attributes" if "attributes" in types and is_string(types["attributes"]) else "",
    )
    for text in _remarks(columns, types, schema):
        on_note(ShardNote(text, basename(url)))
    return columns


def _image_column(schema: pa.Schema, types: dict[str, pa.DataType], url: str) -> str:
    if "image" in types and _is_image(types["image"]):
        return "image"
    usual = {name: column for name, column in types.items() if name.lower() not in _NOT_IMAGES}
    structs = [name for name, column in usual.items() if is_image_struct(column)]
    found = structs or [name for name, column in usual.items() if is_binary(column)]
    if len(found) == 1:
        return found[0]
    if found:
        raise DatasetError(
            f"shard {url} has several columns that can be the image: {', '.join(found)}: call one of them `image`"
        )
    raise DatasetError(
        f"shard {url} has no column `image` of encoded bytes; its columns are {', '.join(schema.names)}"
        + "".join(f"; {hint}" for hint in _hints(types))
    )


def _hints(types: dict[str, pa.DataType]) -> list[str]:
    """Say of columns that may have been meant why they are no images."""
    hints = []
    for name, column in types.items():
        if name.lower() in MASK_NAMES or "im" not in name.lower():
            continue
        if is_string(column):
            hints.append(f"{name} is text, such as paths or links, without the bytes behind it")
        elif is_list(column) and _is_image(column.value_type):
            hints.append(f"{name} holds lists of images: a row has one")
        elif is_list(column):
            hints.append(
                f"{name} holds decoded pixels ({_short(column)}): encode them, as datasets.Image does"
            )
        else:
            hints.append(f"{name} is {_short(column)}")
    return hints


def _remarks(columns: ParquetColumns, types: dict[str, pa.DataType], schema: pa.Schema) -> list[str]:
    remarks = []
    if columns.image != "image":
        remarks.append(f"column {columns.image} taken for the image, as the only one that can be")
    if columns.key not in {"", "key"}:
        remarks.append(f"column {columns.key} taken for the key")
    objects = columns.objects
    if not objects.is_standard:
        how = "mask images of black and one other value" if objects.has_images else "run lengths"
        remarks.append(f"column {objects.name} ({_short(types[objects.name])}) taken for object masks: {how}")
    unread = [name for name in schema.names if name not in columns.names]
    if unread:
        named = [f"{name} ({_short(types[name])})" if name in types else f"{name} (twice)" for name in unread]
        more = f", and {len(named) - _MOST_COLUMNS} more" if len(named) > _MOST_COLUMNS else ""
        remarks.append(f"columns that are not read: {', '.join(named[:_MOST_COLUMNS])}{more}")
    if objects is NO_OBJECTS:
        remarks.append(f"no column of object masks; `objects` would be {EXPECTED}")
    return remarks


def _is_image(column: pa.DataType) -> bool:
    return is_image_struct(column) or is_binary(column)


def _is_key(column: pa.DataType) -> bool:
    return is_string(column) or bool(pa.types.is_integer(column))


def _is_bytes(column: pa.DataType) -> bool:
    return is_binary(column) or is_string(column)


def _named(types: dict[str, pa.DataType], columns: Sequence[ObjectsColumn]) -> str:
    return ", ".join(f"{column.name} ({_short(types[column.name])})" for column in columns)


def _short(column: pa.DataType) -> str:
    text = str(column)
    return text if len(text) <= _TYPE_LETTERS else f"{text[:_TYPE_LETTERS]}..."
