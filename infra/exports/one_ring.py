"""A mask of any shape as one ring of points: parts and holes are joined by bridges, there and back on the same line.

Drawn with its border, as OpenCV's `fillPoly` does, the ring covers the mask: bridges to holes run inside the mask. A
bridge between parts adds the pixels that it crosses; bridges are the shortest that join all parts (a minimum spanning
tree).
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeAlias

import cv2
import numpy as np
import numpy.typing as npt
from scipy.sparse import coo_array
from scipy.sparse.csgraph import minimum_spanning_tree

Point: TypeAlias = tuple[int, int]


class _Place(NamedTuple):
    """A point of a ring, by the numbers of both."""

    ring: int
    point: int


@dataclass(frozen=True)
class _Bridge:
    """A step from one ring to another."""

    start: _Place
    to: _Place


_Rings: TypeAlias = Sequence[Sequence[Point]]
_PlacesOf: TypeAlias = Mapping[Point, Sequence[_Place]]
_Bridges: TypeAlias = Mapping[_Place, list[_Place]]


def one_ring(mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.int64]:
    """Return the ring of a mask.

    Args:
        mask: (H, W) bool with a True in it.

    Returns:
        (N, 2) int64 pixels (x, y) of the mask, N >= 1, in order; the last is joined to the first. What is inside
        follows from the even-odd rule.
    """
    contours, hierarchy = cv2.findContours(mask.astype(np.uint8), cv2.RETR_CCOMP, cv2.CHAIN_APPROX_NONE)
    rings = [[(x, y) for x, y in contour[:, 0].tolist()] for contour in contours]
    bridges: _Bridges = defaultdict(list)
    if len(rings) > 1:
        is_hole = hierarchy[0, :, 3] >= 0
        places = _places(rings)
        for one, other in [*_to_holes(mask, rings, is_hole, places), *_between_parts(mask, places)]:
            bridges[one].append(other)
            bridges[other].append(one)
    return _straightened(np.array(list(_walk(rings, bridges)), np.int64))


def _places(rings: _Rings) -> _PlacesOf:
    found: dict[Point, list[_Place]] = defaultdict(list)
    for number, ring in enumerate(rings):
        for idx, point in enumerate(ring):
            found[point].append(_Place(number, idx))
    return found


def _to_holes(
    mask: npt.NDArray[np.bool_], rings: _Rings, is_hole: npt.NDArray[np.bool_], places: _PlacesOf
) -> Iterator[tuple[_Place, _Place]]:
    """Bridges from the leftmost point of every hole to the left, to the next edge of the mask.

    That edge is the outer one of the part, or that of a hole which reaches farther left: holes that are joined from
    left to right always meet one that is joined already.
    """
    is_joined = ~is_hole
    holes = {number: min(rings[number]) for number in np.flatnonzero(is_hole).tolist()}
    for number, (x, y) in sorted(holes.items(), key=lambda hole: hole[1]):
        gaps = np.flatnonzero(~mask[y, :x])
        end = (int(gaps[-1]) + 1 if gaps.size else 0, y)
        yield (
            _Place(number, rings[number].index((x, y))),
            next(place for place in places[end] if is_joined[place.ring]),
        )
        is_joined[number] = True


def _between_parts(mask: npt.NDArray[np.bool_], places: _PlacesOf) -> Iterator[tuple[_Place, _Place]]:
    """Shortest bridges that join the parts.

    Every pixel belongs to the part that is next to it; where the pixels of two parts meet, a bridge between the pixels
    of the mask that are next to both sides is a candidate.
    """
    num_labels, part_of = cv2.connectedComponents(mask.astype(np.uint8), connectivity=8)
    if num_labels <= 2:
        return
    _, nearest = cv2.distanceTransformWithLabels(
        (~mask).astype(np.uint8), cv2.DIST_L2, cv2.DIST_MASK_5, labelType=cv2.DIST_LABEL_PIXEL
    )
    yx_of = np.zeros((int(nearest.max()) + 1, 2), np.int64)
    yx_of[nearest[mask]] = np.argwhere(mask)
    ends = np.concatenate(
        [
            np.stack([nearest[:, :-1].ravel(), nearest[:, 1:].ravel()]),
            np.stack([nearest[:-1].ravel(), nearest[1:].ravel()]),
        ],
        axis=1,
    )
    part_of_label = part_of[yx_of[:, 0], yx_of[:, 1]] - 1
    ends = ends[:, part_of_label[ends[0]] != part_of_label[ends[1]]]
    squares = ((yx_of[ends[0]] - yx_of[ends[1]]) ** 2).sum(axis=1)
    for candidate in _shortest(part_of_label[ends], squares, num_labels - 1):
        (y, x), (v, u) = yx_of[ends[:, candidate]].tolist()
        yield places[x, y][0], places[u, v][0]


def _shortest(parts: npt.NDArray[np.int64], squares: npt.NDArray[np.int64], num_parts: int) -> Sequence[int]:
    """Indices of the candidates that join all parts: `parts` is (2, N), `squares` are squared lengths (N,)."""
    low, high = parts.min(axis=0), parts.max(axis=0)
    order = np.lexsort((squares, high, low))
    is_first = np.diff(low[order] * num_parts + high[order], prepend=-1) != 0
    best = order[is_first]  # the shortest candidate of each pair of parts
    graph = coo_array((np.sqrt(squares[best]), (low[best], high[best])), shape=(num_parts, num_parts))
    tree = minimum_spanning_tree(graph.tocsr()).tocoo()
    candidate_of = dict(
        zip(zip(low[best].tolist(), high[best].tolist(), strict=True), best.tolist(), strict=True)
    )
    return [candidate_of[pair] for pair in zip(tree.row.tolist(), tree.col.tolist(), strict=True)]


def _walk(rings: _Rings, bridges: _Bridges) -> Iterator[Point]:
    """Yield the points of all rings: at a bridge the way goes over, around the other ring, and back."""
    ways = [_around(rings, bridges, _Place(0, 0), ())]
    while ways:
        step = next(ways[-1], None)
        if step is None:
            ways.pop()
        elif isinstance(step, _Bridge):
            ways.append(_around(rings, bridges, step.to, (step.start,)))
        else:
            yield step


def _around(
    rings: _Rings, bridges: _Bridges, start: _Place, came_from: Sequence[_Place]
) -> Iterator[Point | _Bridge]:
    """Once around a ring and back to its start, with the bridges on the way, without that over which it was reached."""
    ring = rings[start.ring]
    for step in range(len(ring)):
        place = _Place(start.ring, (start.point + step) % len(ring))
        yield ring[place.point]
        for other in bridges.get(place, ()):
            if other not in came_from:
                yield _Bridge(place, other)
                yield ring[place.point]
    yield ring[start.point]


def _straightened(ring: npt.NDArray[np.int64]) -> npt.NDArray[np.int64]:
    """The ring without repeated points, and without those on straight lines of pixels (level, upright, diagonal)."""
    is_new = (ring != np.roll(ring, 1, axis=0)).any(axis=1)
    is_new[0] = True
    ring = ring[is_new]
    if len(ring) > 1 and (ring[0] == ring[-1]).all():
        ring = ring[:-1]
    before, after = ring - np.roll(ring, 1, axis=0), np.roll(ring, -1, axis=0) - ring
    keeps_direction = (np.sign(before) == np.sign(after)).all(axis=1)
    is_straight = keeps_direction & _is_line_of_pixels(before) & _is_line_of_pixels(after)
    return ring[~is_straight] if not is_straight.all() else ring


def _is_line_of_pixels(steps: npt.NDArray[np.int64]) -> npt.NDArray[np.bool_]:
    dx, dy = np.abs(steps).T
    is_line: npt.NDArray[np.bool_] = (dx == 0) | (dy == 0) | (dx == dy)
    return is_line
