"""One image with its objects, as shards and layouts pass it on; pixels stay encoded until they are needed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from infra.errors import Reason
from infra.json_text import JsonValue
from infra.shards.image_file import Extension


@dataclass(frozen=True)
class ObjectTruth:
    """The true mask of one object: COCO compressed counts over the whole image."""

    object_id: str
    rle: bytes
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class Sample:
    """An encoded image of (height, width) upright pixels, and its objects; none if its clicks are logged.

    `ignore_rle` marks the pixels that count neither as object nor as background, for all of its objects.
    """

    key: str
    image_bytes: bytes
    extension: Extension
    height: int
    width: int
    objects: tuple[ObjectTruth, ...] = ()
    ignore_rle: bytes | None = None
    attributes: Mapping[str, JsonValue] = field(default_factory=dict)


@dataclass(frozen=True)
class QuarantinedSample:
    """A sample, or with `object_id` one object of a sample, that is set aside; it becomes a row in `errors`.

    The records of single objects come right before the sample they belong to, if the rest of it can be used.
    Text that is no UTF-8, such as a file name of another encoding, is escaped: every table can store a record.
    """

    key: str
    reason: Reason
    detail: str
    object_id: str | None = None

    def __post_init__(self) -> None:
        for name in ("key", "detail", "object_id"):
            text = getattr(self, name)
            if text is not None:
                object.__setattr__(self, name, text.encode("utf-8", "backslashreplace").decode())
