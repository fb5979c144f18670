"""Which shape is which object, and what became of it."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra import rle
from infra.imports.labelled_image import LabelledShape
from infra.imports.polygon_mask import through_polygons
from infra.runs.reviews import Verdict
from pipelines.jobs.label_outcomes import ImageOutcomes, Outcome, RunObject, outcomes_of
from tests.infra.exports.drawn_samples import masks
from tests.infra.sample_factory import rectangle

SIZE = (10, 12)
NOTHING = rle.encode(np.zeros(SIZE, bool))


def box(top: int, bottom: int, left: int, right: int) -> bytes:
    return rle.encode(rectangle(*SIZE, slice(top, bottom), slice(left, right)))


A, B = box(0, 4, 0, 4), box(5, 10, 6, 12)
OBJECTS = [RunObject("1", "cat", A), RunObject("2", "dog", B)]


def shape(
    counts: bytes, object_id: str = "", category: str = "cat", *, is_polygon: bool = False
) -> LabelledShape:
    return LabelledShape(object_id, category, counts, is_polygon)


def judged(*shapes: LabelledShape, objects: list[RunObject] = OBJECTS, **more: object) -> ImageOutcomes:
    return outcomes_of("key", *SIZE, objects, shapes, "object", **more)  # type: ignore[arg-type]


def test_each_object_is_accepted_corrected_relabelled_rejected_or_added() -> None:
    changed, new = box(0, 4, 0, 3), box(0, 2, 8, 12)
    found = judged(shape(changed, "1"), shape(new, "", "bird"))
    added, first, second = found.outcomes
    assert (first.object_id, first.verdict, first.rle, first.category) == (
        "1",
        Verdict.CORRECTED,
        changed,
        "",
    )
    assert first.iou == pytest.approx(0.75)
    assert second == Outcome("2", Verdict.REJECTED)
    assert (added.verdict, added.rle, added.category) == (Verdict.ADDED, new, "bird")
    assert added.object_id.startswith("added-")
    relabelled = judged(shape(A, "1", "dog"), shape(B, "2", "dog")).outcomes
    assert relabelled == (
        Outcome("1", Verdict.ACCEPTED, category="dog"),
        Outcome("2", Verdict.ACCEPTED),
    )


def test_a_mask_that_was_emptied_is_rejected_and_one_that_was_empty_before_is_not() -> None:
    empty = [RunObject("1", "cat", NOTHING)]
    assert judged(shape(NOTHING, "1"), objects=[RunObject("1", "cat", A)]).outcomes == (
        Outcome("1", Verdict.REJECTED),
    )
    assert judged(shape(NOTHING, "1"), objects=empty).outcomes == (Outcome("1", Verdict.ACCEPTED),)
    assert judged(shape(NOTHING), objects=empty).outcomes == (Outcome("1", Verdict.ACCEPTED),)


def test_a_new_shape_without_a_pixel_is_no_object() -> None:
    found = judged(shape(A, "1"), shape(B, "2", "dog"), shape(NOTHING))
    assert (len(found.outcomes), found.num_empty) == (2, 1)


def test_shapes_without_an_id_of_the_run_are_matched_by_their_overlap_the_largest_first() -> None:
    nearer, farther = box(0, 4, 0, 3), box(0, 4, 0, 2)  # IoU with A: 0.75 and 0.5
    found = judged(shape(farther, "gone"), shape(nearer), shape(B, "2", "dog"))
    assert found.num_overlapping == 1
    added, first, _ = found.outcomes
    assert (first.object_id, first.rle) == ("1", nearer)
    assert (added.verdict, added.rle) == (Verdict.ADDED, farther)


def test_an_overlap_of_less_than_half_is_another_object() -> None:
    found = judged(shape(box(0, 4, 0, 1)), objects=OBJECTS[:1])  # IoU 0.25
    assert [one.verdict for one in found.outcomes] == [Verdict.ADDED, Verdict.REJECTED]
    assert found.num_overlapping == 0


@pytest.mark.parametrize("is_last", [False, True])
def test_of_two_shapes_with_one_id_the_better_one_is_the_object(is_last: bool) -> None:
    copy, own = shape(box(0, 4, 7, 11), "1"), shape(A, "1")
    found = judged(*([copy, own] if is_last else [own, copy]), objects=OBJECTS[:1])
    assert {one.verdict for one in found.outcomes} == {Verdict.ACCEPTED, Verdict.ADDED}
    assert found.num_twins == 1


def test_objects_that_were_not_shown_are_not_judged_unless_a_shape_is_one() -> None:
    assert judged(shape(A, "1"), not_shown={"2"}).outcomes == (Outcome("1", Verdict.ACCEPTED),)
    assert len(judged(shape(A, "1"), shape(B, "2", "dog"), not_shown={"2"}).outcomes) == 2


def test_a_corrected_mask_that_went_out_is_known_when_it_comes_back() -> None:
    corrected = box(0, 2, 0, 2)  # its IoU with the mask of the run is 0.25
    reviewed = [RunObject("1", "cat", A, corrected)]
    for came in (shape(corrected, "1"), shape(corrected)):
        (outcome,) = judged(came, objects=reviewed).outcomes
        assert (outcome.object_id, outcome.verdict, outcome.rle) == ("1", Verdict.CORRECTED, corrected)
        assert outcome.iou == pytest.approx(0.25)


def test_an_object_that_a_review_has_added_stays_changes_or_goes() -> None:
    added = [RunObject("added-1", "object", A, is_in_run=False)]
    changed = box(0, 4, 0, 3)
    assert judged(shape(A, "added-1"), objects=added).outcomes == (
        Outcome("added-1", Verdict.ADDED, A, category="cat"),
    )
    assert judged(shape(changed), objects=added).outcomes == (
        Outcome("added-1", Verdict.ADDED, changed, category="cat"),
    )
    assert judged(objects=added).outcomes == (Outcome("added-1", Verdict.REJECTED),)


def test_an_object_that_an_import_has_added_is_known_again_though_somebody_has_changed_it() -> None:
    (first,) = judged(shape(A), objects=[]).outcomes
    changed = [RunObject(first.object_id, "object", B, is_in_run=False)]
    assert judged(shape(A), objects=changed).outcomes == (first,)


def test_equal_new_masks_have_different_ids() -> None:
    first, second = judged(shape(A), shape(A), objects=[]).outcomes
    assert second.object_id == f"{first.object_id}-2"


def test_a_polygon_that_lost_the_holes_of_a_mask_is_the_same_and_a_mask_without_them_is_not() -> None:
    ring = np.ones(SIZE, bool)
    ring[3:6, 3:6] = False
    holed = [RunObject("1", "cat", rle.encode(ring))]
    filled = through_polygons(rle.encode(ring), *SIZE)
    assert rle.area(filled, *SIZE) == 120
    assert judged(shape(filled, "1", is_polygon=True), objects=holed).outcomes[0].verdict is Verdict.ACCEPTED
    assert judged(shape(filled, "1"), objects=holed).outcomes[0].verdict is Verdict.CORRECTED


@given(data=st.data(), num_objects=st.integers(0, 5), num_shapes=st.integers(0, 5))
def test_every_object_is_judged_once_and_every_shape_that_has_a_pixel_is_one_object(
    data: st.DataObject, num_objects: int, num_shapes: int
) -> None:
    drawn = [rle.encode(data.draw(masks(*SIZE))) for _ in range(num_objects + num_shapes)]
    objects = [RunObject(str(number), "cat", drawn[number]) for number in range(num_objects)]
    ids = st.sampled_from(["", "0", "1", "9"])
    shapes = [shape(counts, data.draw(ids)) for counts in drawn[num_objects:]]
    found = outcomes_of("key", *SIZE, objects, shapes, "object")
    names = [one.object_id for one in found.outcomes]
    assert len(set(names)) == len(names)
    assert {one.object_id for one in objects} <= set(names)
    num_added = sum(one.verdict is Verdict.ADDED for one in found.outcomes)
    num_kept = sum(one.verdict in {Verdict.ACCEPTED, Verdict.CORRECTED} for one in found.outcomes)
    num_pixelless = sum(not rle.area(one.rle, *SIZE) for one in shapes)
    assert num_added + num_kept <= num_shapes - found.num_empty
    assert num_added + num_kept >= num_shapes - num_pixelless
    assert found.num_empty <= num_pixelless
    # the same again says the same
    assert outcomes_of("key", *SIZE, objects, shapes, "object") == found
