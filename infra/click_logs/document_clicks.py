"""Clicks of annotation tools: what a label leaves open is settled, and points become the rows of a part."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import numpy as np
import pyarrow as pa

from infra.click_logs.log_part import SCHEMA, LogPart, Order, place_of
from infra.errors import ClickLogError

_ONLY_OBJECT = "1"
_MOST_SHOWN = 3


@dataclass(frozen=True, slots=True)
class Point:
    """A click as a tool has it.

    image: the name of its image file.
    object_id: what the file calls the object, "" if a label says only object or background.
    y, x: in the units of the format; finite.
    number: where it stands in its file, in the unit of its part.
    """

    image: str
    object_id: str
    y: float
    x: float
    is_foreground: bool
    number: int


def with_objects(points: Sequence[Point], url: str, unit: str, remedy: str) -> Iterator[Point]:
    """Yield the points that one person made on one image, those without an object as clicks of the only one there is.

    Raises:
        ClickLogError: there are several objects, and a point does not say to which of them it belongs.

    """
    named = list(dict.fromkeys(point.object_id for point in points if point.object_id))
    for point in points:
        if point.object_id:
            yield point
        elif len(named) > 1:
            objects = ", ".join(map(repr, named[:_MOST_SHOWN])) + (
                ", ..." if len(named) > _MOST_SHOWN else ""
            )
            raise ClickLogError(
                f"{place_of(url, unit, point.number)}: a point of image {point.image!r} says only "
                f"{'object' if point.is_foreground else 'background'}, and the image has {len(named)} objects "
                f"({objects}): {remedy}"
            )
        else:
            yield replace(point, object_id=named[0] if named else _ONLY_OBJECT)


def document_part(url: str, unit: str, points: Iterable[Point], notices: Sequence[str] = ()) -> LogPart:
    """Return the part of a document whose points stand in the order in which they were made."""
    rows = list(points)
    columns = {
        "sample_key": [point.image for point in rows],
        "object_id": [point.object_id for point in rows],
        "order": np.zeros(len(rows)),
        "y": [point.y for point in rows],
        "x": [point.x for point in rows],
        "is_foreground": [point.is_foreground for point in rows],
        "look": pa.nulls(len(rows), pa.int32()),
    }
    arrays = [pa.array(columns[field.name], field.type) for field in SCHEMA]
    numbers = np.array([point.number for point in rows], np.int64)
    return LogPart(
        url, unit, numbers, pa.Table.from_arrays(arrays, schema=SCHEMA), Order.FILE, notices=tuple(notices)
    )


class ImagesOnce:
    """Refuses a file that has an image twice: the clicks of both would be taken for those of one."""

    def __init__(self, url: str, unit: str, remedy: str) -> None:
        self._url, self._unit, self._remedy = url, unit, remedy
        self._numbers: dict[str, int] = {}

    def check(self, image: str, number: int) -> None:
        """Take the image that stands at `number`. ClickLogError if it stood elsewhere before."""
        first = self._numbers.setdefault(image, number)
        if first != number:
            raise ClickLogError(
                f"{place_of(self._url, self._unit, number)}: image {image!r} was there before, at {self._unit} "
                f"{first}: {self._remedy}"
            )
