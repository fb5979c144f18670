"""What a reviewer is shown and does: orders, corrections that a log replays, added objects, other reviewers."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest

from infra import rle
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.reviews import read_reviewed_clicks
from infra.runs.reviews import (
    Clicked,
    Imported,
    Review,
    ReviewConflictError,
    ReviewMask,
    Reviews,
    Verdict,
    read_reviews,
)
from infra.runs.run_directory import RunDirectory
from infra.shards.shard_writer import write_dataset
from infra.storage.files import join, relative_to
from mfp.clicks import Click
from pipelines.errors import OptionError
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.review.desk import Decision, Desk, Place
from pipelines.jobs.review.mask_runs import runs_of
from tests.actors.shapes import write_shapes
from tests.infra.sample_factory import sample
from tests.pipelines.past_runs import label_here
from tests.pipelines.review.reviewed_runs import STORAGE, desk_of, shapes_run
from tests.specs import changed, label_spec

pytestmark = pytest.mark.usefixtures("same_threads")


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    return shapes_run(tmp_path)


def places(
    desk: Desk, order: Any = "worst", shown: Any = "open", first: int = 0, count: int = 500
) -> list[Place]:
    listed: Any = desk.queue(order, shown, first, count)["objects"]
    return [Place(one["shard"], one["key"], one["id"]) for one in listed]


def decide(desk: Desk, place: Place, verdict: Verdict, *clicks: Click, after: int = 0, **more: Any) -> Any:
    token = f"{place.object_id} {after} {verdict} {len(clicks)} {desk}"
    return desk.decide(Decision(place, after, token, verdict, more.pop("reviewer", ""), clicks, **more))


def clicks_on(desk: Desk, place: Place) -> tuple[Click, Click]:
    """One in the middle of the image, and one in a corner, in pixels of what is shown."""
    shown: Any = desk.shown(place)
    return Click(shown["height"] // 2, shown["width"] // 2, True), Click(1, 1, False)


def test_the_worst_expected_iou_comes_first_and_every_object_once(run: RunDirectory) -> None:
    desk = desk_of(run)
    quality = {
        (row["sample_key"], row["object_id"]): row["quality"]
        for row in run.read_masks(["sample_key", "object_id", "quality"]).to_pylist()
    }
    listed = [quality[place.sample_key, place.object_id] for place in places(desk)]
    assert listed == sorted(quality.values())
    assert places(desk)[3:5] == places(desk, first=3, count=2)


def test_an_audit_is_one_order_for_a_seed_and_others_for_other_seeds(run: RunDirectory) -> None:
    one, again = (places(desk_of(run), "audit") for _ in range(2))
    assert one == again
    assert sorted(map(repr, one)) == sorted(map(repr, places(desk_of(run))))
    spec = replace(desk_of(run)._spec, seed=1)
    assert places(Desk(spec, STORAGE), "audit") != one


def test_the_most_expected_wrong_pixels_per_click_come_first(run: RunDirectory) -> None:
    rows = {
        (row["sample_key"], row["object_id"]): (1 - row["quality"]) * row["area"] / (row["num_clicks"] + 1)
        for row in run.read_masks().to_pylist()
    }
    gains = [rows[place.sample_key, place.object_id] for place in places(desk_of(run), "gain")]
    assert gains == sorted(rows.values(), reverse=True)


def test_a_decided_object_leaves_the_queue_and_comes_back_when_it_is_taken_back(run: RunDirectory) -> None:
    desk = desk_of(run)
    first, *others = places(desk)
    decide(desk, first, Verdict.ACCEPTED)
    assert places(desk) == others
    assert places(desk, shown="decided") == [first]
    decide(desk, first, Verdict.WITHDRAWN, after=1)
    assert places(desk) == [first, *others]
    assert dict(read_reviews(run)) == {}


@pytest.mark.parametrize("settings", [{}, {"working_pixels": 2**10}])
def test_a_log_of_the_corrections_gives_the_same_masks_bit_for_bit(
    tmp_path: Path, settings: dict[str, Any]
) -> None:
    run = shapes_run(tmp_path, **settings)
    desk = desk_of(run)
    chosen = places(desk)[:4]
    for place in chosen:
        middle, corner = clicks_on(desk, place)
        desk.answer(place, (middle,))
        decide(desk, place, Verdict.CORRECTED, middle, corner)
    added = replace(chosen[0], object_id="added-1")
    decide(desk, added, Verdict.CORRECTED, Click(8, 9, True), Click(3, 4, False))
    spec = read_record(LabelRecord, run.url, run.storage).spec
    again = label_here(
        changed(
            spec,
            out=str(tmp_path / "again"),
            clicks=f"logged:{run.url}/reviews",
            start=f"masks:{run.url}",
            changes="auto",
            max_clicks="auto",
            target_iou="auto",
        )
    )
    rows = {(row["sample_key"], row["object_id"]): row for row in again.read_masks().to_pylist()}
    reviews = read_reviews(run)
    assert {review.verdict for review in reviews.values()} == {Verdict.CORRECTED, Verdict.ADDED}
    for name, review in reviews.items():
        assert review.mask is not None and isinstance(review.mask.origin, Clicked)
        assert (rows[name]["rle"], rows[name]["quality"]) == (review.mask.rle, review.mask.origin.quality)
        assert rows[name]["num_clicks"] == len(review.mask.origin.clicks) == 2
    # what nobody has clicked on stays
    before = {(row["sample_key"], row["object_id"]): row["rle"] for row in run.read_masks().to_pylist()}
    assert all(rows[name]["rle"] == before[name] for name in before.keys() - reviews.keys())


def test_masks_that_another_program_made_are_shown_and_are_no_part_of_a_log(run: RunDirectory) -> None:
    first, second, *_ = places(desk_of(run))
    imported = made_elsewhere(run, first)
    assert imported.mask is not None
    whole = np.ones((imported.mask.height, imported.mask.width), np.bool_)
    Reviews(run).put(imported, 0)
    added = replace(imported, object_id="added-9", verdict=Verdict.ADDED, decision="b", iou=None)
    Reviews(run).put(added, 0)
    desk = desk_of(run)
    shown: Any = desk.shown(first)
    assert (shown["decided"]["clicks"], shown["decided"]["mask"]) == ([], runs_of(whole))
    listed: Any = desk.queue("worst", "decided", 0, 10)["objects"]
    assert {(one["id"], one["quality"] is None) for one in listed} == {
        (first.object_id, False),
        ("added-9", True),
    }
    assert read_reviewed_clicks(run, ClickLogOptions()).table.num_rows == 0
    decide(desk, second, Verdict.CORRECTED, *clicks_on(desk, second))
    assert read_reviewed_clicks(run, ClickLogOptions()).table.num_rows == 2


def made_elsewhere(run: RunDirectory, place: Place, **changes: Any) -> Review:
    """A correction of an object that covers its image, made by another program."""
    rows = {(row["sample_key"], row["object_id"]): row for row in run.read_masks().to_pylist()}
    row = rows[place.sample_key, place.object_id]
    height, width = row["height"], row["width"]
    whole = rle.encode(np.ones((height, width), np.bool_))
    review = Review(
        shard=place.shard,
        sample_key=place.sample_key,
        object_id=place.object_id,
        verdict=Verdict.CORRECTED,
        reviewer="Ada",
        time=datetime(2026, 11, 29, tzinfo=UTC),
        decision="elsewhere",
        attempt=run.record_of(place.shard).attempt,
        mask=ReviewMask(height, width, whole, Imported("labels.json", "coco")),
        iou=1 - rle.distance(row["rle"], whole, height, width),
    )
    return replace(review, **changes)


def test_an_imported_mask_that_is_accepted_or_given_a_class_stays(run: RunDirectory) -> None:
    first, *_ = places(desk_of(run))
    corrected = made_elsewhere(run, first)
    added = replace(corrected, object_id="added-9", verdict=Verdict.ADDED, decision="added", iou=None)
    for review in (corrected, added):
        Reviews(run).put(review, 0)
    desk = desk_of(run, "Bob")
    for review in (corrected, added):
        place = replace(first, object_id=review.object_id)
        told = decide(desk, place, Verdict.ACCEPTED, after=1, category="seal")
        assert (told["number"], told["verdict"]) == (2, str(review.verdict))
        kept = read_reviews(run)[place.sample_key, place.object_id]
        assert (kept.mask, kept.iou, kept.category, kept.reviewer) == (
            review.mask,
            review.iou,
            "seal",
            "Bob",
        )
    # taken back, the mask of the run is the one that is accepted
    decide(desk, first, Verdict.WITHDRAWN, after=2)
    decide(desk, first, Verdict.ACCEPTED, after=3)
    kept = read_reviews(run)[first.sample_key, first.object_id]
    assert (kept.verdict, kept.mask) == (Verdict.ACCEPTED, None)


def test_a_correction_that_is_saved_again_with_the_same_clicks_keeps_its_mask(run: RunDirectory) -> None:
    desk = desk_of(run)
    place = places(desk)[0]
    clicks = clicks_on(desk, place)
    decide(desk, place, Verdict.CORRECTED, *clicks)
    review = read_reviews(run)[place.sample_key, place.object_id]
    assert review.mask is not None
    # as another model or processor has made it of these clicks
    whole = rle.encode(np.ones((review.mask.height, review.mask.width), np.bool_))
    other = replace(review, decision="other", mask=replace(review.mask, rle=whole))
    Reviews(run).put(other, 1)
    desk.refresh()
    decide(desk, place, Verdict.CORRECTED, *clicks, after=2, category="seal")
    kept = read_reviews(run)[place.sample_key, place.object_id]
    assert (kept.mask, kept.category) == (other.mask, "seal")
    decide(desk, place, Verdict.CORRECTED, clicks[0], after=3)
    kept = read_reviews(run)[place.sample_key, place.object_id]
    assert kept.mask is not None and kept.mask.rle != whole


def test_an_added_object_that_was_rejected_has_no_mask_to_accept(run: RunDirectory) -> None:
    desk = desk_of(run)
    added = replace(places(desk)[0], object_id="added-7")
    decide(desk, added, Verdict.CORRECTED, Click(8, 9, True))
    decide(desk, added, Verdict.REJECTED, after=1)
    with pytest.raises(OptionError, match="click on it first"):
        decide(desk, added, Verdict.ACCEPTED, after=2)
    assert read_reviews(run)[added.sample_key, "added-7"].verdict is Verdict.REJECTED


def test_clicks_that_are_taken_back_leave_no_trace(run: RunDirectory) -> None:
    desk = desk_of(run)
    place = places(desk)[0]
    middle, corner = clicks_on(desk, place)
    first = desk.answer(place, (middle,))
    desk.answer(place, (middle, corner))
    without = ("seconds",)
    again = desk.answer(place, (middle,))
    assert {name: again[name] for name in again if name not in without} == {
        name: first[name] for name in first if name not in without
    }
    assert dict(read_reviews(run)) == {}


def test_a_correction_tells_its_iou_with_the_mask_of_the_run(run: RunDirectory) -> None:
    desk = desk_of(run)
    place = places(desk)[0]
    decide(desk, place, Verdict.CORRECTED, *clicks_on(desk, place), category="seal")
    (review,) = read_reviews(run).values()
    (row,) = (
        row
        for row in run.read_masks().to_pylist()
        if (row["sample_key"], row["object_id"]) == (place.sample_key, place.object_id)
    )
    assert review.mask is not None
    one, other = (rle.decode(counts, row["height"], row["width"]) for counts in (row["rle"], review.mask.rle))
    assert review.iou == pytest.approx((one & other).sum() / (one | other).sum())
    assert (review.category, review.reviewer, review.attempt) == (
        "seal",
        "Ada",
        "1_0" if "0" in place.shard else "1_1",
    )
    shown: Any = desk.shown(place)
    assert shown["decided"]["mask"] == runs_of(other)
    assert shown["mask"] == runs_of(one)
    assert shown["decided"]["clicks"] == [
        [click.y, click.x, click.is_foreground] for click in clicks_on(desk, place)
    ]
    assert desk.overview()["categories"] == ["seal"]


def test_two_reviewers_do_not_write_over_each_other(run: RunDirectory) -> None:
    ada, bob = desk_of(run), desk_of(run, "Bob")
    place = places(ada)[0]
    assert places(bob)[0] == place
    decide(ada, place, Verdict.ACCEPTED)
    with pytest.raises(ReviewConflictError, match=r"^Ada was first"):
        decide(bob, place, Verdict.CORRECTED, *clicks_on(ada, place))
    (review,) = read_reviews(run).values()
    assert (review.reviewer, review.verdict) == ("Ada", Verdict.ACCEPTED)
    shown: Any = bob.shown(place)
    assert (shown["decided"]["reviewer"], shown["decided"]["number"]) == ("Ada", 1)
    decide(bob, place, Verdict.CORRECTED, *clicks_on(bob, place), after=1)
    ada.refresh()
    shown = ada.shown(place)
    assert (shown["decided"]["reviewer"], shown["decided"]["verdict"]) == ("Bob", "corrected")
    assert read_reviews(run)[place.sample_key, place.object_id].reviewer == "Bob"


def test_an_added_object_is_shown_beside_the_others_and_counts_as_decided(run: RunDirectory) -> None:
    desk = desk_of(run)
    one = places(desk)[0]
    added = replace(one, object_id="added-7")
    decide(desk, added, Verdict.CORRECTED, Click(8, 9, True))
    others: Any = desk.shown(one)["others"]
    assert added.digest in {other["digest"] for other in others}
    assert added in places(desk, shown="decided")
    shown: Any = desk.shown(added)
    assert (shown["in_run"], sum(shown["mask"][1::2]), shown["decided"]["verdict"]) == (False, 0, "added")
    decide(desk, added, Verdict.REJECTED, after=1)
    others = desk.shown(one)["others"]
    assert added.digest not in {other["digest"] for other in others}


def test_other_masks_are_those_after_the_newest_decision(run: RunDirectory) -> None:
    desk = desk_of(run)

    def masks_beside(asked: Desk, place: Place) -> dict[str, Any]:
        shown: Any = asked.shown(place)
        return {other["id"]: other["mask"] for other in shown["others"]}

    one = next(place for place in places(desk) if masks_beside(desk, place))
    name, before = next(iter(masks_beside(desk, one).items()))
    place = replace(one, object_id=name)
    assert before == desk.shown(place)["mask"]
    decided = decide(desk, place, Verdict.CORRECTED, *clicks_on(desk, place))
    assert decided["mask"] != before
    for asked in (desk, desk, desk_of(run)):
        assert masks_beside(asked, one)[name] == decided["mask"]
    decide(desk, place, Verdict.WITHDRAWN, after=1)
    assert masks_beside(desk, one)[name] == before


def test_an_image_that_is_too_long_for_jpeg_is_shown(tmp_path: Path) -> None:
    samples = [sample("long", height=4, width=66_000), sample("short")]
    write_dataset(samples, str(tmp_path / "data"), STORAGE, samples_per_shard=2)
    spec = label_spec(str(tmp_path / "data"), str(tmp_path / "run"), "analytic", zoom_size=96, max_clicks=1)
    run = label_here(spec)
    (shard,) = run.committed()
    desk = desk_of(run)
    data, media_type = desk.image(shard, "long")
    assert media_type == "image/png"
    image = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_COLOR)
    assert image is not None
    assert image.shape == (4, 66_000, 3)
    assert desk.image(shard, "short")[1] == "image/jpeg"


def test_images_without_objects_come_first(run: RunDirectory) -> None:
    desk = desk_of(run)
    images: Any = desk.images(0, 100)["images"]
    keys = run.read_masks(["sample_key"])["sample_key"].to_pylist()
    assert {one["key"]: one["objects"] for one in images} == {key: keys.count(key) for key in set(keys)}


def test_no_image_is_missed_by_who_adds_objects_while_they_read_the_list(tmp_path: Path) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=6, samples_per_shard=3)
    spec = label_spec(
        str(tmp_path / "data"),
        str(tmp_path / "run"),
        "analytic",
        clicks="logged:" + str(tmp_path / "log.jsonl"),
    )
    click = {
        "sample_key": "sample-4",
        "object_id": "1",
        "click_idx": 0,
        "y": 8,
        "x": 8,
        "is_foreground": True,
    }
    (tmp_path / "log.jsonl").write_text(json.dumps(click) + "\n")
    desk = desk_of(label_here(spec))
    start: Any = desk.images(0, 2)
    assert [one["objects"] for one in start["images"]] == [0, 0]
    one = start["images"][0]
    decide(desk, Place(one["shard"], one["key"], "added-1"), Verdict.CORRECTED, Click(8, 9, True))
    rest: Any = desk.images(2, 100)
    keys = [image["key"] for image in [*start["images"], *rest["images"]]]
    assert len(keys) == len(set(keys)) == start["total"] == 6
    again: Any = desk.images(0, 1)
    assert again["images"] == [one | {"objects": 1}]


def test_the_map_of_a_mask_that_nobody_has_corrected_is_that_of_the_run(run: RunDirectory) -> None:
    desk = desk_of(run)
    place = places(desk)[0]
    shown: Any = desk.shown(place)
    data = np.frombuffer(desk.probabilities(place, ()), np.uint8).reshape(shown["height"], shown["width"])
    assert runs_of(data > 127) == shown["mask"]
    with pytest.raises(OptionError, match="has no mask of object"):
        desk.probabilities(replace(place, object_id="none"), ())


def test_a_data_set_that_has_changed_is_refused_in_one_line(run: RunDirectory, tmp_path: Path) -> None:
    for file in (tmp_path / "data").iterdir():
        file.unlink()
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=5, samples_per_shard=3)
    with pytest.raises(OptionError, match=r"its contents have changed since$"):
        desk_of(run)


def test_a_run_in_a_bucket_is_reviewed_alike(tmp_path: Path, s3_bucket: str) -> None:
    local = shapes_run(tmp_path)
    url = f"{s3_bucket}/run"
    for file in STORAGE.walk(local.url):
        STORAGE.write_bytes(join(url, relative_to(file, local.url)), STORAGE.read_bytes(file))
    run = RunDirectory(url, STORAGE)
    ada, bob = desk_of(run), desk_of(run, "Bob")
    assert ada.tells_rivals_apart
    place = places(ada)[0]
    decide(ada, place, Verdict.CORRECTED, *clicks_on(ada, place))
    with pytest.raises(ReviewConflictError, match=r"^Ada was first"):
        decide(bob, place, Verdict.REJECTED)
    bob.refresh()
    shown: Any = bob.shown(place)
    assert shown["decided"]["mask"] == ada.shown(place)["decided"]["mask"]  # type: ignore[index,call-overload]
