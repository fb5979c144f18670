"""What a file of corrected labels says of one image."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Final

UNDATED: Final = datetime.min.replace(tzinfo=UTC)
"""When an image was labelled of which the file does not say it."""


@dataclass(frozen=True, slots=True)
class LabelledShape:
    """One mask.

    Attributes:
        object_id: of the object that it is said to be; empty if the program has dropped it, or has made a new shape.
        category: the name of its class; empty if it has none.
        rle: COCO compressed counts over the whole image.
        is_polygon: it was rasterised from polygons, which have no holes and run along no pixels.
    """

    object_id: str
    category: str
    rle: bytes
    is_polygon: bool


@dataclass(frozen=True, slots=True)
class LabelledImage:
    """All shapes of an image that a person has looked at.

    Attributes:
        key: of the sample.
        place: where it stands in the file, for a person.
        shapes: in the order of the file.
        edited: when they were last changed.
        num_left_out: shapes that it has besides and that are no masks. Some object may be one of them.
    """

    key: str
    place: str
    shapes: tuple[LabelledShape, ...]
    edited: datetime = UNDATED
    num_left_out: int = 0
