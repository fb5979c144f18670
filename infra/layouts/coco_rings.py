"""Polygons as tools write them, made into rings [x1, y1, x2, y2, ...] in pixels."""

from __future__ import annotations

import math
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TypeAlias, cast

from infra.errors import Reason, SampleError
from infra.layouts.source_note import Topic

Ring: TypeAlias = "array[float]"

_NUMBERS_OF_TRIANGLE = 6
_DEEPEST = 4  # lists within lists
_LEAST_SIDE = 8  # pixels; in a smaller image coordinates up to 1 may be pixels
_OVERHANG = 2.0  # pixels; tools round
_FLAT = "polygons that are one list of numbers instead of a list of rings: taken for one ring"
_PAIRS = "polygons written as pairs [x, y]: taken for rings"
_NESTED = "polygons in one list too many: taken for the rings they hold"
_OVER_BORDER = (
    "polygons that reach over the border of their image, and are cut there: was the image resized or turned?"
)


@dataclass(frozen=True)
class Remark:
    """A sentence on how an annotation was understood, the same for all of its kind."""

    topic: Topic
    text: str


def rings_of(polygons: list[object], height: int, width: int) -> tuple[list[Ring], tuple[Remark, ...]]:
    """Return the rings of a `segmentation` that is a list, and what is to be told of them.

    A ring that cannot be used is left out, if there is another.

    Args:
        polygons: rings, one ring, pairs [x, y], or rings of pairs.
        height: of the image, in pixels.
        width: of the image, in pixels.

    Raises:
        SampleError: no ring can be used.

    """
    remarks: dict[Remark, None] = {}
    rings: list[Ring] = []
    problems: list[str] = []
    for numbers in _nodes(polygons, 0, remarks):
        problem = _problem(numbers, height, width)
        if problem:
            problems.append(problem)
        else:
            rings.append(numbers)
    if not rings:
        first = problems[0] if problems else "no numbers"
        raise SampleError(Reason.BAD_METADATA, f"the segmentation has no polygon that can be used: {first}")
    for problem in problems:
        text = f"rings of polygons left out, the rest of their object taken: {problem}"
        remarks[Remark(Topic.LEFT_OUT, text)] = None
    _refuse_parts_of_one(rings, height, width)
    if any(_reaches_over(ring, height, width, _OVERHANG) for ring in rings):
        remarks[Remark(Topic.DOUBT, _OVER_BORDER)] = None
    return rings, tuple(remarks)


def extent_of(segmentation: object) -> tuple[float, float]:
    """Return the largest x and y of polygons; infinite if there are none, or they are of an odd kind."""
    rings = segmentation if isinstance(segmentation, list) else []
    if not rings or not all(isinstance(ring, array) and len(ring) > 1 for ring in rings):
        return math.inf, math.inf
    return max(max(ring[0::2]) for ring in rings), max(max(ring[1::2]) for ring in rings)


def _nodes(node: object, depth: int, remarks: dict[Remark, None]) -> Iterator[Ring]:
    """Yield what may be a ring, in the order of the file; what holds no numbers is yielded empty."""
    children = list(node) if isinstance(node, list) else []
    if isinstance(node, array):
        yield node
    elif not children or depth == _DEEPEST:
        yield array("d")
    elif any(isinstance(child, int | float) for child in children):
        if depth == 0:
            remarks[Remark(Topic.READ, _FLAT)] = None
        yield _numbers(children)
    elif all(isinstance(child, list | array) and len(child) == 2 and _is_flat(child) for child in children):
        remarks[Remark(Topic.READ, _PAIRS)] = None
        yield _numbers([number for child in children for number in child])
    else:
        if depth == 1:
            remarks[Remark(Topic.READ, _NESTED)] = None
        for child in children:
            yield from _nodes(child, depth + 1, remarks)


def _is_flat(child: Iterable[object]) -> bool:
    return all(isinstance(number, int | float) for number in child)


def _numbers(values: list[object]) -> Ring:
    try:
        return array("d", cast("list[float]", values))
    except (TypeError, OverflowError):
        return array("d", [math.nan])


def _problem(ring: Ring, height: int, width: int) -> str:
    """Say why pycocotools must not get a ring; "" if it may."""
    if not all(map(math.isfinite, ring)):
        return "coordinates that are no finite numbers"
    # pycocotools would take four numbers for a box and drop an odd one
    if len(ring) % 2:
        return "an odd number of coordinates"
    if len(ring) < _NUMBERS_OF_TRIANGLE:
        return "fewer than three points"
    # pycocotools allocates by the length of the edges
    if _reaches_over(ring, height, width, 2 * max(height, width)):
        return "coordinates far outside the image"
    return ""


def _reaches_over(ring: Ring, height: int, width: int, by: float) -> bool:
    xs, ys = ring[0::2], ring[1::2]
    return min(ring) < -by or max(xs) > width + by or max(ys) > height + by


def _refuse_parts_of_one(rings: list[Ring], height: int, width: int) -> None:
    is_within_one = all(min(ring) >= 0 and max(ring) <= 1 for ring in rings)
    has_fractions = any(0 < number < 1 for ring in rings for number in ring)  # else it is the first pixel
    if is_within_one and has_fractions and min(height, width) >= _LEAST_SIDE:
        raise SampleError(
            Reason.BAD_METADATA,
            "the polygons have coordinates from 0 to 1, which are shares of the image and no pixels: multiply x by its "
            "width and y by its height",
        )
