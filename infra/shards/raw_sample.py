"""A sample as a shard has it, and the checks that everything read from a shard passes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, TypeAlias

from infra import rle
from infra.errors import Reason, SampleError
from infra.json_text import JsonValue
from infra.shards.image_file import StoredImage, stored_image
from infra.shards.mask_image import MaskImage
from infra.shards.sample import ObjectTruth, QuarantinedSample, Sample
from infra.shards.shard_note import OnNote, ShardNote, ignore_note

_UPRIGHT_MASKS = "images turned upright by EXIF: their masks were taken to be of the upright pixels as well"


@dataclass(frozen=True)
class RawMask:
    """A mask as a shard has it: compressed counts, or a list of run lengths; the (height, width) it says it has."""

    counts: bytes | Sequence[int]
    size: tuple[int, int] | None = None

    @classmethod
    def of_json(cls, entry: Mapping[str, Any]) -> RawMask:
        """Take COCO's {size, counts}, whose counts are a text or a list; SampleError if the size is none."""
        counts = entry["counts"]
        # what is not ASCII is no encoding either; the check of the runs says so
        return cls(counts.encode() if isinstance(counts, str) else counts, size_of(entry.get("size")))


@dataclass(frozen=True)
class UnreadableMask:
    """In the place of a mask of a kind that is not read."""

    detail: str = "the object has no run-length encoding"


AnyMask: TypeAlias = RawMask | MaskImage | UnreadableMask


@dataclass(frozen=True)
class RawObject:
    """An object as a shard has it."""

    object_id: str
    mask: AnyMask
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class RawSample:
    """A sample as a shard has it, before any check.

    `size` is the (height, width) that its metadata give. `is_foreign`: another program than `mfp shard` wrote it, so
    that nobody has been told yet how its image is understood.
    """

    key: str
    image_bytes: bytes
    objects: Iterable[RawObject] = ()
    ignore: RawMask | None = None
    size: tuple[int, int] | None = None
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)
    is_foreign: bool = True


def size_of(value: Any) -> tuple[int, int]:
    """Take a JSON list as (height, width); SampleError if it is none."""
    if not (isinstance(value, list) and len(value) == 2 and all(isinstance(side, int) for side in value)):
        raise SampleError(Reason.BAD_METADATA, f"a size is {str(value)[:40]}, expected [height, width]")
    return (value[0], value[1])


def check_sample(raw: RawSample, on_note: OnNote = ignore_note) -> Iterator[Sample | QuarantinedSample]:
    """Check image header, sizes, encodings and ids; yields records of what fails, then what is left."""
    try:
        _check_text(raw.key)
        image = stored_image(raw.image_bytes)
        if raw.size is not None:
            _check_size("metadata say", raw.size, image)
        ignore_rle = None if raw.ignore is None else _checked_mask(raw.ignore, image)
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
            objects[candidate.object_id] = _checked_object(candidate, image)
        except SampleError as error:
            num_failed += 1
            yield QuarantinedSample(raw.key, error.reason, error.detail, candidate.object_id)
    if num_failed and not objects:
        return
    if raw.is_foreign:
        for remark in image.remarks:
            on_note(ShardNote(f"images: {remark}", raw.key))
        if image.is_turned and objects:
            on_note(ShardNote(_UPRIGHT_MASKS, raw.key))
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


def _checked_object(candidate: RawObject, image: StoredImage) -> ObjectTruth:
    if isinstance(candidate.mask, UnreadableMask):
        raise SampleError(Reason.BAD_METADATA, candidate.mask.detail)
    encoded = _checked_mask(candidate.mask, image)
    if rle.area(encoded, image.height, image.width) == 0:
        raise SampleError(Reason.EMPTY_OBJECT, "the mask has no object pixel")
    return ObjectTruth(candidate.object_id, encoded, candidate.attributes)


def _checked_mask(mask: RawMask | MaskImage, image: StoredImage) -> bytes:
    if isinstance(mask, MaskImage):
        pixels = mask.pixels()
        _check_size("the mask has", (pixels.shape[0], pixels.shape[1]), image)
        return rle.encode(pixels)
    if mask.size is not None:
        _check_size("the mask has", mask.size, image)
    try:
        if isinstance(mask.counts, bytes):
            rle.run_lengths(mask.counts, image.height, image.width)
            return mask.counts
        return rle.from_runs(mask.counts, image.height, image.width)
    except (ValueError, TypeError, OverflowError) as error:
        raise SampleError(Reason.BAD_METADATA, str(error)) from None


def _check_size(whose: str, size: tuple[int, int], image: StoredImage) -> None:
    if size == (image.height, image.width):
        return
    text = f"{whose} {_by(*size)} pixels, the image has {_by(image.height, image.width)}"
    if size == (image.width, image.height):
        text += (
            " once its EXIF orientation is applied: masks have to be of the upright image, or the image without "
            "the orientation"
            if image.is_turned
            else ": height and width are swapped"
        )
    raise SampleError(Reason.MASK_SIZE_MISMATCH, text)


def _by(height: int, width: int) -> str:
    return f"{height} x {width}"
