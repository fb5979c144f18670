"""Columns of an export for Hugging Face `datasets`, and what tells that library to decode the image."""

from __future__ import annotations

import json
from typing import Any, Final

import pyarrow as pa

from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.json_text import JsonValue

FIGURES: Final = {
    "iou": pa.float64(),
    "quality": pa.float64(),
    "num_clicks": pa.int32(),
    "model_id": pa.string(),
}
_RLE = pa.struct([("size", pa.list_(pa.int32())), ("counts", pa.string())])
_OBJECT = pa.struct(
    [
        ("object_id", pa.string()),
        ("category", pa.string()),
        ("rle", _RLE),
        ("bbox", pa.list_(pa.int32())),
        ("area", pa.int64()),
        *FIGURES.items(),
    ]
)
_COLUMNS = {
    "sample_key": pa.string(),
    "image": pa.struct([("bytes", pa.binary()), ("path", pa.string())]),
    "height": pa.int32(),
    "width": pa.int32(),
    "objects": pa.list_(_OBJECT),
}


def schema_of(provenance: dict[str, JsonValue]) -> pa.Schema:
    """The schema of every file; its metadata has the features of `datasets`, and what made the masks."""
    features = {
        name: {"_type": "Image"} if name == "image" else _feature(kind) for name, kind in _COLUMNS.items()
    }
    metadata = {
        "huggingface": json.dumps({"info": {"features": features}}),
        "mfp.provenance": json.dumps(provenance),
    }
    return pa.schema(list(_COLUMNS.items()), metadata)


def row_of(sample: ExportedSample) -> dict[str, Any]:
    """The row of a sample; `rle` is what `pycocotools.mask.decode` takes, `bbox` x, y, width, height in pixels."""
    return {
        "sample_key": sample.key,
        "image": {"bytes": sample.image_bytes, "path": sample.file_name},
        "height": sample.height,
        "width": sample.width,
        "objects": [_object(one, sample) for one in sample.objects],
    }


def _object(one: ExportedObject, sample: ExportedSample) -> dict[str, Any]:
    return {
        "object_id": one.object_id,
        "category": one.category,
        "rle": {"size": [sample.height, sample.width], "counts": one.rle.decode("ascii")},
        "bbox": list(one.bbox),
        "area": one.area,
        **{name: one.figures.get(name) for name in FIGURES},
    }


def _feature(kind: pa.DataType) -> Any:
    """A type in the words of `datasets`: a list is a JSON list, which its versions before and after 4.0 read."""
    if pa.types.is_list(kind):
        return [_feature(kind.value_type)]
    if pa.types.is_struct(kind):
        return {field.name: _feature(field.type) for field in kind}
    return {"dtype": "float64" if pa.types.is_float64(kind) else str(kind), "_type": "Value"}
