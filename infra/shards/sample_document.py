"""The JSON beside an image in a tar shard, and the checks that everything read from a shard passes.

    {"key": "a/b.c", "height": 480, "width": 640, "attributes": {},
     "objects": [{"object_id": "1", "segmentation": {"size": [480, 640], "counts": "..."}, "attributes": {}}],
     "ignore": {"size": [480, 640], "counts": "..."},
     "quarantined": [{"object_id": "2", "reason": "empty_object", "detail": "..."}]}

`ignore` and `quarantined` are left out where there is nothing to say. What was set aside when the shards were
made stays in them as `quarantined`, so that every run reports it: without an image and without `objects` if an
`object_id` is null, or if nothing of the sample could be used.
Shards of other programs may lack any of this, the JSON included, or have the JSON of `foreign_document.py`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import Any, TypeAlias

from infra.errors import Reason, SampleError
from infra.json_text import JsonValue
from infra.shards.foreign_document import described_sample, has_annotations, is_list_of_masks
from infra.shards.object_id import CROWD, id_of, is_crowd
from infra.shards.raw_sample import (
    RawMask,
    RawObject,
    RawSample,
    UnreadableMask,
    check_sample,
    size_of,
)
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.shard_note import OnNote, ShardNote, ignore_note

ShardItem: TypeAlias = Sample | QuarantinedSample

_NOT_ADJACENT = (
    "metadata without an image of the same name beside it: the members of a sample lie next to each other, as "
    "`tar --sort=name` packs them"
)
_WHOLE_COCO = "a COCO file of several images: unpack the shard and run mfp shard --layout coco"
_NO_OBJECTS = (
    "JSON beside an image that holds no objects (no `objects`, no `annotations`): the image alone was taken"
)


def dump_document(key: str, sample: Sample | None, quarantined: Iterable[QuarantinedSample]) -> bytes:
    """Write the JSON of a sample (or of what is left of one), the same bytes for the same content.

    Raises:
        ValueError: an attribute is no JSON.

    """
    document: dict[str, Any] = {"key": key}
    if sample is not None:
        size = [sample.height, sample.width]
        document |= {"height": sample.height, "width": sample.width, "attributes": dict(sample.attributes)}
        document["objects"] = [
            {
                "object_id": truth.object_id,
                "segmentation": {"size": size, "counts": truth.rle.decode("ascii")},
                "attributes": dict(truth.attributes),
            }
            for truth in sample.objects
        ]
        if sample.ignore_rle is not None:
            document["ignore"] = {"size": size, "counts": sample.ignore_rle.decode("ascii")}
    records = [
        {"object_id": record.object_id, "reason": record.reason.value, "detail": record.detail}
        for record in quarantined
    ]
    if records:
        document["quarantined"] = records
    return json.dumps(document, sort_keys=True, separators=(",", ":"), allow_nan=False).encode()


def parse_document(
    member_key: str, document_bytes: bytes, image_bytes: bytes | None, on_note: OnNote = ignore_note
) -> Iterator[ShardItem]:
    """Read the JSON of a sample together with its image: records of what is set aside, then the sample."""
    try:
        document = json.loads(document_bytes)
        if is_list_of_masks(document):
            document = {"annotations": document}
        if not isinstance(document, dict):
            raise SampleError(Reason.BAD_METADATA, "the JSON is no object")
    except (ValueError, RecursionError):
        yield QuarantinedSample(member_key, Reason.BAD_METADATA, "the JSON does not parse")
        return
    except SampleError as error:
        yield QuarantinedSample(member_key, error.reason, error.detail)
        return
    given_key = document.get("key")
    key = given_key if isinstance(given_key, str) and given_key else member_key
    try:
        records = [_record(key, entry) for entry in _list(document, "quarantined")]
        yield from records
        if any(record.object_id is None for record in records) or (
            records and image_bytes is None and "objects" not in document  # all of its objects were set aside
        ):
            return
        if image_bytes is None:
            is_coco = isinstance(document.get("images"), list)
            raise SampleError(Reason.MISSING_IMAGE, _WHOLE_COCO if is_coco else _NOT_ADJACENT)
        if has_annotations(document):
            raw = described_sample(key, document, image_bytes, on_note)
        else:
            if document.keys().isdisjoint({"objects", "quarantined"}):
                on_note(ShardNote(_NO_OBJECTS, key))
            raw = _own_sample(key, document, image_bytes, on_note)
    except SampleError as error:
        yield QuarantinedSample(key, error.reason, error.detail)
        return
    yield from check_sample(raw, on_note)


def _own_sample(key: str, document: dict[str, Any], image_bytes: bytes, on_note: OnNote) -> RawSample:
    entries = _list(document, "objects")
    single = [entry for entry in entries if not (isinstance(entry, dict) and is_crowd(entry))]
    for _ in range(len(entries) - len(single)):
        on_note(ShardNote(CROWD, key))
    return RawSample(
        key=key,
        image_bytes=image_bytes,
        objects=[_raw_object(entry) for entry in single],
        ignore=None if document.get("ignore") is None else _raw_mask(document["ignore"]),
        size=size_of([document["height"], document.get("width")]) if "height" in document else None,
        attributes=_object(document, "attributes"),
        # dump_document writes all of these
        is_foreign=not document.keys() >= {"key", "height", "width", "objects", "attributes"},
    )


def _record(key: str, entry: Any) -> QuarantinedSample:
    try:
        object_id = entry.get("object_id")
        object_id = None if object_id is None else str(object_id)
        return QuarantinedSample(key, Reason(entry["reason"]), str(entry.get("detail", "")), object_id)
    except (AttributeError, KeyError, ValueError):
        raise SampleError(Reason.BAD_METADATA, "an entry of quarantined has no known reason") from None


def _raw_object(entry: Any) -> RawObject:
    if not isinstance(entry, dict):
        raise SampleError(Reason.BAD_METADATA, "an entry of objects is no JSON object")
    object_id = id_of(entry.get("object_id"))
    if not object_id:
        fields = ", ".join(sorted(entry)[:8])
        raise SampleError(
            Reason.BAD_METADATA, f"an entry of objects has no object_id; its fields are: {fields}"
        )
    segmentation = entry.get("segmentation")
    mask = UnreadableMask() if segmentation is None else _raw_mask(segmentation)
    return RawObject(object_id, mask, _object(entry, "attributes"))


def _raw_mask(entry: Any) -> RawMask:
    if not isinstance(entry, dict) or not isinstance(entry.get("counts"), str | list):
        raise SampleError(Reason.BAD_METADATA, "a mask is no COCO run-length encoding {size, counts}")
    return RawMask.of_json(entry)


def _list(document: dict[str, Any], name: str) -> list[Any]:
    value = document.get(name) or []
    if not isinstance(value, list):
        raise SampleError(Reason.BAD_METADATA, f"{name} is no list")
    return value


def _object(document: dict[str, Any], name: str) -> dict[str, JsonValue]:
    value = document.get(name) or {}
    if not isinstance(value, dict):
        raise SampleError(Reason.BAD_METADATA, f"{name} is no JSON object")
    return value
