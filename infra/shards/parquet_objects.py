"""Parquet columns of object masks: the forms in which they are plainly that, and how a cell of one is read.

A mask is COCO's run lengths, struct<counts, size> or the compressed counts alone, or an encoded image of one object.
A column holds

- list<struct<...>>: an object each, with its mask and what else is said of it;
- struct<list, list, ...>: the same turned over, as `datasets.Sequence` of a dictionary stores it;
- list<mask>: the masks of the objects;
- mask: that of the one object of the row.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, TypeAlias

import pyarrow as pa

from infra.errors import SampleError
from infra.json_text import JsonValue, parse_json
from infra.shards.mask_image import MaskImage, is_image
from infra.shards.object_id import CROWD, id_of, is_crowd
from infra.shards.raw_sample import AnyMask, RawMask, RawObject, UnreadableMask, size_of

_NAMES = (
    "objects object masks mask segmentation segmentations segmentation_mask segmentation_masks segmentation_map seg "
    "seg_map rle rles counts annotation annotations label labels instances instance_mask instance_masks gt "
    "ground_truth semantic_mask object_mask object_masks"
)
MASK_NAMES = frozenset(_NAMES.split())
EXPECTED = "list<struct<object_id: string, counts: binary>> with COCO's compressed counts"

_NULL = "entries of lists of masks that are null: left out"
_ID_NAMES = ("object_id", "id", "ann_id", "annotation_id", "instance_id")
_MASK_FIELDS = ("segmentation", "rle", "mask", "counts")
_COUNTS_NAMES = {"counts", "rle", "rles"}

ReadMask: TypeAlias = Callable[[Any], AnyMask]
Tell: TypeAlias = Callable[[str], object]
ReadCell: TypeAlias = Callable[[Any, Tell], list[RawObject]]


@dataclass(frozen=True)
class ObjectsColumn:
    """A column that holds object masks; `read` takes a cell, and raises ValueError if its parts do not fit together.

    It tells, in words, of each part of the cell that it leaves out.

    `is_standard`: it is as the documentation says. `has_images`: masks are images.
    """

    name: str
    read: ReadCell
    is_standard: bool
    has_images: bool


NO_OBJECTS = ObjectsColumn("", lambda cell, tell: [], is_standard=True, has_images=False)


def objects_columns(fields: Iterable[pa.Field]) -> list[ObjectsColumn]:
    """Return the columns that are called and built as object masks are; `objects` is the only one if it is one."""
    found = [
        column
        for field in fields
        if field.name.lower() in MASK_NAMES and (column := _column(field.name, field.type)) is not NO_OBJECTS
    ]
    return [column for column in found if column.name == "objects"] or found


def attributes_of(text: Any) -> dict[str, JsonValue]:
    """Take attributes as JSON text; ValueError if they are none."""
    if text is not None and not isinstance(text, str):
        raise ValueError("attributes are no text")
    attributes = parse_json(text) if text else {}
    if not isinstance(attributes, dict):
        raise ValueError("attributes are no JSON object")
    return attributes


def is_binary(column: pa.DataType) -> bool:
    """Tell whether a column holds bytes."""
    return bool(
        pa.types.is_binary(column) or pa.types.is_large_binary(column) or pa.types.is_binary_view(column)
    )


def is_string(column: pa.DataType) -> bool:
    """Tell whether a column holds text."""
    return bool(
        pa.types.is_string(column) or pa.types.is_large_string(column) or pa.types.is_string_view(column)
    )


def is_list(column: pa.DataType) -> bool:
    """Tell whether a column holds lists of any kind."""
    return bool(
        pa.types.is_list(column) or pa.types.is_large_list(column) or pa.types.is_fixed_size_list(column)
    )


def is_image_struct(column: pa.DataType) -> bool:
    """Tell whether a column is an image as Hugging Face datasets stores it: struct<bytes, path>."""
    if not pa.types.is_struct(column):
        return False
    index = column.get_field_index("bytes")
    return index >= 0 and is_binary(column.field(index).type)


def _column(name: str, column: pa.DataType) -> ObjectsColumn:
    lower = name.lower()
    if is_list(column):
        entry = column.value_type
        if pa.types.is_struct(entry) and not is_image_struct(entry) and _holds_mask(entry):
            return ObjectsColumn(name, _read_entries, _is_standard(entry), _has_images(entry))
        if _is_mask(lower, entry):
            return ObjectsColumn(name, _read_masks, False, is_image_struct(entry) or is_binary(entry))
    if pa.types.is_struct(column) and not _is_mask(lower, column):
        turned = _turned_over(column)
        if _holds_mask(turned):
            return ObjectsColumn(name, _read_turned_over, False, _has_images(turned))
    if _is_mask(lower, column):
        return ObjectsColumn(name, _read_mask_alone, False, is_image_struct(column) or is_binary(column))
    return NO_OBJECTS


def _is_standard(entry: pa.DataType) -> bool:
    return bool(entry.get_field_index("object_id") >= 0 and entry.get_field_index("counts") >= 0)


def _turned_over(column: pa.DataType) -> pa.DataType:
    """Return the struct whose fields are the entries of the lists of a struct; empty if not all fields are lists."""
    fields = [column.field(index) for index in range(column.num_fields)]
    if not all(is_list(field.type) for field in fields):
        return pa.struct([])
    return pa.struct([pa.field(field.name, field.type.value_type) for field in fields])


def _holds_mask(entry: pa.DataType) -> bool:
    return any(
        _is_mask(name, entry.field(entry.get_field_index(name)).type)
        for name in _MASK_FIELDS
        if entry.get_field_index(name) >= 0
    )


def _has_images(entry: pa.DataType) -> bool:
    fields = [entry.field(index) for index in range(entry.num_fields)]
    return any(field.name in _MASK_FIELDS and is_image_struct(field.type) for field in fields)


def _is_mask(name: str, column: pa.DataType) -> bool:
    """Tell whether values of this name and type are masks: run lengths, their counts or images."""
    if pa.types.is_struct(column):
        index = column.get_field_index("counts")
        return is_image_struct(column) or (index >= 0 and _is_counts(column.field(index).type))
    return is_binary(column) or (name in _COUNTS_NAMES and _is_counts(column))


def _is_counts(column: pa.DataType) -> bool:
    return (
        is_binary(column)
        or is_string(column)
        or (is_list(column) and bool(pa.types.is_integer(column.value_type)))
    )


def _read_entries(cell: Any, tell: Tell) -> list[RawObject]:
    objects = []
    for place, entry in enumerate(_present(cell, tell), 1):
        if is_crowd(entry):
            tell(CROWD)
        else:
            objects.append(_object(entry, place))
    return objects


def _read_turned_over(cell: Any, tell: Tell) -> list[RawObject]:
    columns = {name: values for name, values in (cell or {}).items() if values is not None}
    if len({len(values) for values in columns.values()}) > 1:
        lengths = ", ".join(f"{name} {len(values)}" for name, values in columns.items())
        raise ValueError(f"the lists of the objects are of different lengths: {lengths}")
    entries = [dict(zip(columns, values, strict=True)) for values in zip(*columns.values(), strict=True)]
    return _read_entries(entries, tell)


def _read_masks(cell: Any, tell: Tell) -> list[RawObject]:
    return [RawObject(str(place), _mask(value)) for place, value in enumerate(_present(cell, tell), 1)]


def _read_mask_alone(cell: Any, tell: Tell) -> list[RawObject]:
    return [] if cell is None else [RawObject("1", _mask(cell))]


def _present(cell: Any, tell: Tell) -> list[Any]:
    """Return the entries of a list of masks that are not null."""
    entries = cell or []
    present = [entry for entry in entries if entry is not None]
    for _ in range(len(entries) - len(present)):
        tell(_NULL)
    return present


def _object(entry: dict[str, Any], place: int) -> RawObject:
    name = next((name for name in _ID_NAMES if id_of(entry.get(name))), "")
    object_id = id_of(entry[name]) if name else str(place)
    field = next((field for field in _MASK_FIELDS if entry.get(field) is not None), "")
    mask: AnyMask = UnreadableMask()
    if field == "counts":
        mask = _run_lengths(entry)
    elif field:
        mask = _mask(entry[field])
    others = entry.keys() - {name, "attributes", "counts", "size", *_MASK_FIELDS}
    attributes = {other: entry[other] for other in sorted(others) if _is_json(entry[other])}
    return RawObject(object_id, mask, attributes | attributes_of(entry.get("attributes")))


def _mask(value: Any) -> AnyMask:
    if isinstance(value, dict) and "counts" in value:
        return _run_lengths(value)
    data = value.get("bytes") if isinstance(value, dict) else value
    if isinstance(data, bytes) and (isinstance(value, dict) or is_image(data)):
        return MaskImage(data)
    if isinstance(data, bytes | str | list):
        return _run_lengths({"counts": data})
    return UnreadableMask("the mask has no bytes")


def _run_lengths(value: dict[str, Any]) -> AnyMask:
    counts, size = value["counts"], value.get("size")
    if not isinstance(counts, bytes | str | list):
        return UnreadableMask()
    try:
        has_size = size is not None
        return RawMask(
            counts.encode() if isinstance(counts, str) else counts, size_of(size) if has_size else None
        )
    except SampleError as error:
        return UnreadableMask(error.detail)


def _is_json(value: Any) -> bool:
    if isinstance(value, list):
        return all(_is_json(entry) for entry in value)
    if isinstance(value, dict):
        return all(_is_json(entry) for entry in value.values())
    return value is None or isinstance(value, bool | int | float | str)
