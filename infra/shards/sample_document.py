"""The JSON beside an image in a tar shard, and the checks that everything read from a shard passes.

    {"key": "a/b.c", "height": 480, "width": 640, "attributes": {},
     "objects": [{"object_id": "1", "segmentation": {"size": [480, 640], "counts": "..."}, "attributes": {}}],
     "ignore": {"size": [480, 640], "counts": "..."},
     "quarantined": [{"object_id": "2", "reason": "empty_object", "detail": "..."}]}

`ignore` and `quarantined` are left out where there is nothing to say. What was set aside when the shards were
made stays in them as `quarantined` (without an image where `object_id` is null), so that every run reports it.
Shards of other programs may lack any of this, the JSON included.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from infra import rle
from infra.errors import Reason, SampleError
from infra.shards.image_file import stored_image
from infra.shards.sample import JsonValue, ObjectTruth, QuarantinedSample, Sample

ShardItem: TypeAlias = Sample | QuarantinedSample


@dataclass(frozen=True)
class RawMask:
    """A mask as a shard has it: compressed counts, or a list of run lengths; the (height, width) it says it has."""

    counts: bytes | Sequence[int]
    size: tuple[int, int] | None = None


@dataclass(frozen=True)
class RawObject:
    """An object as a shard has it; `mask` None where it could not be read at all."""

    object_id: str
    mask: RawMask | None
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class RawSample:
    """A sample as a shard has it, before any check; `size` is the (height, width) that its metadata give."""

    key: str
    image_bytes: bytes
    objects: Iterable[RawObject] = ()
    ignore: RawMask | None = None
    size: tuple[int, int] | None = None
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)


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


def parse_document(member_key: str, document_bytes: bytes, image_bytes: bytes | None) -> Iterator[ShardItem]:
    """Read the JSON of a sample together with its image: records of what is set aside, then the sample."""
    try:
        document = json.loads(document_bytes)
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
        if any(record.object_id is None for record in records):
            return
        if image_bytes is None:
            raise SampleError(Reason.MISSING_IMAGE, "the shard has metadata but no image for this key")
        raw = RawSample(
            key=key,
            image_bytes=image_bytes,
            objects=[_raw_object(entry) for entry in _list(document, "objects")],
            ignore=None if document.get("ignore") is None else _raw_mask(document["ignore"]),
            size=_size([document["height"], document.get("width")]) if "height" in document else None,
            attributes=_object(document, "attributes"),
        )
    except SampleError as error:
        yield QuarantinedSample(key, error.reason, error.detail)
        return
    yield from check_sample(raw)


def check_sample(raw: RawSample) -> Iterator[ShardItem]:
    """Check image header, sizes, encodings and ids; yields records of what fails, then what is left."""
    try:
        _check_text(raw.key)
        image = stored_image(raw.image_bytes)
        size = (image.height, image.width)
        if raw.size is not None and raw.size != size:
            raise SampleError(
                Reason.MASK_SIZE_MISMATCH, f"metadata say {_by(raw.size)} pixels, the image has {_by(size)}"
            )
        ignore_rle = None if raw.ignore is None else _checked_mask(raw.ignore, size)
    except SampleError as error:
        yield QuarantinedSample(raw.key, error.reason, error.detail)
        return
    objects: dict[str, ObjectTruth] = {}
    num_failed = 0
    for candidate in raw.objects:
        try:
            _check_text(candidate.object_id)
            if candidate.object_id in objects:
                raise SampleError(Reason.BAD_METADATA, "another object of the sample has the same id")
            objects[candidate.object_id] = _checked_object(candidate, size)
        except SampleError as error:
            num_failed += 1
            yield QuarantinedSample(raw.key, error.reason, error.detail, candidate.object_id)
    if num_failed and not objects:
        return
    yield Sample(
        key=raw.key,
        image_bytes=image.data,
        extension=image.extension,
        height=image.height,
        width=image.width,
        objects=tuple(objects.values()),
        ignore_rle=ignore_rle,
        attributes=raw.attributes,
    )


def _check_text(name: str) -> None:
    try:
        name.encode()
    except UnicodeEncodeError:
        raise SampleError(Reason.BAD_METADATA, "the key or object id is no UTF-8") from None


def _checked_object(candidate: RawObject, size: tuple[int, int]) -> ObjectTruth:
    if candidate.mask is None:
        raise SampleError(Reason.BAD_METADATA, "the object has no run-length encoding")
    encoded = _checked_mask(candidate.mask, size)
    if rle.area(encoded, *size) == 0:
        raise SampleError(Reason.EMPTY_OBJECT, "the mask has no object pixel")
    return ObjectTruth(candidate.object_id, encoded, candidate.attributes)


def _checked_mask(mask: RawMask, size: tuple[int, int]) -> bytes:
    if mask.size is not None and mask.size != size:
        raise SampleError(
            Reason.MASK_SIZE_MISMATCH, f"the mask has {_by(mask.size)} pixels, the image {_by(size)}"
        )
    try:
        if isinstance(mask.counts, bytes):
            rle.run_lengths(mask.counts, *size)
            return mask.counts
        return rle.from_runs(mask.counts, *size)
    except (ValueError, TypeError, OverflowError) as error:
        raise SampleError(Reason.BAD_METADATA, str(error)) from None


def _record(key: str, entry: Any) -> QuarantinedSample:
    try:
        object_id = entry.get("object_id")
        object_id = None if object_id is None else str(object_id)
        return QuarantinedSample(key, Reason(entry["reason"]), str(entry.get("detail", "")), object_id)
    except (AttributeError, KeyError, ValueError):
        raise SampleError(Reason.BAD_METADATA, "an entry of quarantined has no known reason") from None


def _raw_object(entry: Any) -> RawObject:
    if not isinstance(entry, dict) or not isinstance(entry.get("object_id"), str | int):
        raise SampleError(Reason.BAD_METADATA, "an entry of objects has no object_id")
    segmentation = entry.get("segmentation")
    mask = _raw_mask(segmentation) if segmentation is not None else None
    return RawObject(str(entry["object_id"]), mask, _object(entry, "attributes"))


def _raw_mask(entry: Any) -> RawMask:
    if not isinstance(entry, dict) or not isinstance(entry.get("counts"), str | list):
        raise SampleError(Reason.BAD_METADATA, "a mask is no COCO run-length encoding {size, counts}")
    counts = entry["counts"]
    # what is not ASCII is no encoding either; the check of the runs says so
    return RawMask(counts.encode() if isinstance(counts, str) else counts, _size(entry.get("size")))


def _size(value: Any) -> tuple[int, int]:
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(side, int) for side in value)):
        raise SampleError(Reason.BAD_METADATA, f"a size is {str(value)[:40]}, expected [height, width]")
    return (value[0], value[1])


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


def _by(size: tuple[int, int]) -> str:
    return f"{size[0]} x {size[1]}"
