"""What corrected labels say of the objects of one image: which shape is which object, and what became of it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import numpy.typing as npt
from pycocotools import mask as coco_mask

from infra import rle
from infra.imports.labelled_image import LabelledShape
from infra.imports.polygon_mask import through_polygons
from infra.runs.reviews import Verdict

LEAST_IOU: Final = 0.5
"""Of a shape that has lost its object id with a mask of the run, to be taken for that object."""
_HEXADECIMAL_DIGITS = 12


@dataclass(frozen=True, slots=True)
class RunObject:
    """An object that the labels may be about.

    Attributes:
        object_id: in its sample.
        category: its class by the data set; `object` if that says none.
        rle: the mask of the run; of an object that a review has added, the mask of the review.
        corrected: the mask that a review has put in its place; empty if there is none.
        is_in_run: no review has added it.
    """

    object_id: str
    category: str
    rle: bytes
    corrected: bytes = b""
    is_in_run: bool = True


@dataclass(frozen=True, slots=True)
class Outcome:
    """What the labels say of an object.

    Attributes:
        object_id: of the object; of one that they have added, an id of its own.
        verdict: accepted, corrected, rejected or added.
        rle: the mask of a corrected or an added object; empty for the others.
        iou: of a corrected mask with that of the run, in [0, 1]; 0 for the others.
        category: another class than that of the data set; empty if it is the same, or the labels say none.
        is_polygon: the corrected mask came as polygons.
    """

    object_id: str
    verdict: Verdict
    rle: bytes = b""
    iou: float = 0.0
    category: str = ""
    is_polygon: bool = False


@dataclass(frozen=True)
class ImageOutcomes:
    """Of one image.

    Attributes:
        outcomes: of its objects, and of those that were added.
        num_overlapping: shapes without the id of an object that were taken for the one that they overlap most.
        num_twins: shapes with an object id that another shape of the image has too, and fits better.
        num_empty: new shapes without a pixel, which are left out.
    """

    outcomes: tuple[Outcome, ...]
    num_overlapping: int
    num_twins: int
    num_empty: int


def outcomes_of(
    key: str,
    height: int,
    width: int,
    objects: Sequence[RunObject],
    shapes: Sequence[LabelledShape],
    usual_category: str,
    not_shown: Collection[str] = frozenset(),
) -> ImageOutcomes:
    """Match shapes with objects, one to one, and judge every object.

    A shape is the object whose id it has. The others are matched by their IoU, the largest first and at least
    LEAST_IOU, with the objects that are left. Object ids that the sample does not have count as none.

    Args:
        key: of the sample.
        height, width: of its image, pixels.
        objects: that it has, all different.
        shapes: that the labels have for it; their masks and those of the objects fit the image.
        usual_category: the class that an object has of which the data set knows nothing.
        not_shown: ids of objects that the person did not see, or whose shape may be one that is no mask: nothing is
            said of them unless a shape is one.
    """
    size = (height, width)
    pairs, num_twins = _by_id(objects, shapes, size)
    num_named = len(pairs)
    pairs |= _by_overlap(objects, shapes, pairs, size)
    num_overlapping = len(pairs) - num_named
    new = _others(shapes, pairs)
    filled = [number for number in new if rle.area(shapes[number].rle, *size)]
    added_ids = _added_ids(key, [shapes[number].rle for number in filled])
    place_of = {one.object_id: place for place, one in enumerate(objects)}
    outcomes = []
    for object_id, number in zip(added_ids, filled, strict=True):
        place = place_of.get(object_id)
        if (
            place is not None and place not in pairs
        ):  # an import has added it, and somebody has changed it since
            pairs[place] = number
        elif place is None:
            shape = shapes[number]
            outcomes.append(
                Outcome(object_id, Verdict.ADDED, shape.rle, category=_other(shape, usual_category))
            )
    for place, one in enumerate(objects):
        if place in pairs:
            outcomes.append(_judged(one, shapes[pairs[place]], size))
        elif one.object_id not in not_shown:
            outcomes.append(Outcome(one.object_id, Verdict.REJECTED))
    return ImageOutcomes(tuple(outcomes), num_overlapping, num_twins, len(new) - len(filled))


def _judged(one: RunObject, shape: LabelledShape, size: tuple[int, int]) -> Outcome:
    category = _other(shape, one.category)
    is_same = _is_same(one.rle, shape, size)
    if not is_same and not rle.area(shape.rle, *size):
        return Outcome(one.object_id, Verdict.REJECTED)
    if not one.is_in_run:
        return Outcome(one.object_id, Verdict.ADDED, one.rle if is_same else shape.rle, category=category)
    if is_same:
        return Outcome(one.object_id, Verdict.ACCEPTED, category=category)
    is_known = bool(one.corrected) and _is_same(one.corrected, shape, size)
    corrected = one.corrected if is_known else shape.rle
    iou = 1 - rle.distance(one.rle, corrected, *size)
    return Outcome(one.object_id, Verdict.CORRECTED, corrected, iou, category, shape.is_polygon)


def _is_same(counts: bytes, shape: LabelledShape, size: tuple[int, int]) -> bool:
    """Whether a shape is a mask, or what an export as polygons keeps of it."""
    if counts == shape.rle or not rle.num_different(counts, shape.rle, *size):
        return True
    return shape.is_polygon and through_polygons(counts, *size) == shape.rle


def _other(shape: LabelledShape, category: str) -> str:
    return "" if shape.category == category else shape.category


def _by_id(
    objects: Sequence[RunObject], shapes: Sequence[LabelledShape], size: tuple[int, int]
) -> tuple[dict[int, int], int]:
    """Places of objects and numbers of the shapes that have their ids; and of how many another one fits better."""
    numbers_of: dict[str, list[int]] = defaultdict(list)
    for number, shape in enumerate(shapes):
        if shape.object_id:
            numbers_of[shape.object_id].append(number)
    pairs, num_twins = {}, 0
    for place, one in enumerate(objects):
        numbers = numbers_of.get(one.object_id)
        if numbers is None:
            continue
        pairs[place] = numbers[0]
        if len(numbers) > 1:
            ious = _ious([one], [shapes[number] for number in numbers], size)[0]
            pairs[place] = numbers[int(np.argmax(ious))]
            num_twins += len(numbers) - 1
    return pairs, num_twins


def _by_overlap(
    objects: Sequence[RunObject],
    shapes: Sequence[LabelledShape],
    pairs: Mapping[int, int],
    size: tuple[int, int],
) -> dict[int, int]:
    places = [place for place in range(len(objects)) if place not in pairs]
    numbers = _others(shapes, pairs)
    if not places or not numbers:
        return {}
    ious = _ious([objects[place] for place in places], [shapes[number] for number in numbers], size)
    found: dict[int, int] = {}
    rows, columns = np.nonzero(ious >= LEAST_IOU)
    order = np.argsort(-ious[rows, columns], kind="stable")
    taken: set[int] = set()
    for row, column in zip(rows[order].tolist(), columns[order].tolist(), strict=True):
        place, number = places[row], numbers[column]
        if place not in found and number not in taken:
            found[place] = number
            taken.add(number)
    return found


def _others(shapes: Sequence[LabelledShape], pairs: Mapping[int, int]) -> list[int]:
    """Numbers of the shapes that are not an object's."""
    taken = set(pairs.values())
    return [number for number in range(len(shapes)) if number not in taken]


def _ious(
    objects: Sequence[RunObject], shapes: Sequence[LabelledShape], size: tuple[int, int]
) -> npt.NDArray[np.float64]:
    """(objects, shapes): IoU of each shape with the mask of the run, or the corrected one if that is nearer."""
    of_shapes = _encoded((shape.rle for shape in shapes), size)
    ious = _iou_table(_encoded((one.rle for one in objects), size), of_shapes)
    reviewed = _encoded((one.corrected or one.rle for one in objects), size)
    return np.maximum(ious, _iou_table(reviewed, of_shapes))


def _iou_table(masks: list[Any], others: list[Any]) -> npt.NDArray[np.float64]:
    table = np.asarray(coco_mask.iou(masks, others, [0] * len(others)), np.float64)
    counts, of_others = ([mask["counts"] for mask in side] for side in (masks, others))
    table[[[one == other for other in of_others] for one in counts]] = 1.0  # two empty masks as well
    return table


def _encoded(counts: Iterable[bytes], size: tuple[int, int]) -> list[Any]:
    return [{"size": list(size), "counts": one} for one in counts]


def _added_ids(key: str, masks: Sequence[bytes]) -> list[str]:
    """Ids for new masks that are the same whenever the same file is imported; equal masks have a number behind it."""
    ids, num_of = [], defaultdict[str, int](int)
    for counts in masks:
        digest = hashlib.sha256(key.encode() + b"\0" + counts).hexdigest()[:_HEXADECIMAL_DIGITS]
        num_of[digest] += 1
        number = "" if num_of[digest] == 1 else f"-{num_of[digest]}"
        ids.append(f"added-{digest}{number}")
    return ids
