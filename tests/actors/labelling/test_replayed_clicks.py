"""Logged clicks, replayed."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from actors.labelling.gathered_rows import LabelCounts
from actors.labelling.hand_out import Assignment
from actors.labelling.shard_labeller import ShardSummary
from infra.click_logs.load import load_click_log
from infra.errors import Reason
from infra.runs.commit import Unclicked
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.sample import QuarantinedSample
from infra.shards.sample_document import ShardItem
from mfp.session import SessionLimits
from tests.actors.labelling.labelled_shapes import STORAGE, label_all, new_run
from tests.actors.shapes import (
    labeller,
    reader_of,
    rows_of,
    shape_sample,
)

TO_THE_END = SessionLimits(max_clicks=1000, target_iou=None)


def replay(
    tmp_path: Path, log_lines: list[str], *, with_truth: bool, limits: SessionLimits = TO_THE_END
) -> dict[str, list[dict[str, object]]]:
    sample = shape_sample(0, with_truth=with_truth, num_objects=2)
    return rows_of(replay_items(tmp_path, log_lines, [sample], limits)[0])


def replay_items(
    tmp_path: Path, log_lines: list[str], items: list[ShardItem], limits: SessionLimits = TO_THE_END
) -> tuple[RunDirectory, ShardSummary]:
    log = tmp_path / "clicks.jsonl"
    log.write_text("\n".join(log_lines))
    run = new_run(tmp_path / "run")
    shards = labeller(run, lambda shard: iter(items), clicks=load_click_log(STORAGE, str(log)), limits=limits)
    summary = shards.label(Assignment(ShardEntry("s.tar", 1), "1"))
    shards.close()
    return run, summary


def line(
    object_id: str, click_idx: int, y: float, x: float, *, is_foreground: bool = True, sample: int = 0
) -> str:
    positive = "true" if is_foreground else "false"
    return (
        f'{{"sample_key": "folder/shape-{sample:03d}", "object_id": "{object_id}", "click_idx": {click_idx}, '
        f'"y": {y}, "x": {x}, "is_foreground": {positive}}}'
    )


def test_replaying_the_clicks_of_a_simulated_run_gives_its_masks_bit_for_bit(
    tmp_path: Path, dataset: DatasetManifest, expected: RunDirectory
) -> None:
    log = load_click_log(STORAGE, expected.url)
    run = new_run(tmp_path)
    shards = labeller(run, reader_of(dataset, STORAGE), clicks=log)
    label_all(shards, dataset)
    shards.close()
    columns = ["sample_key", "object_id", "rle", "iou", "quality", "num_clicks"]
    order = [("sample_key", "ascending"), ("object_id", "ascending")]
    assert run.read_masks(columns).sort_by(order) == expected.read_masks(columns).sort_by(order)
    assert set(run.read_clicks(["source"]).column("source").to_pylist()) == {"logged"}


def test_logged_clicks_need_no_truth_and_have_no_iou_without_it(tmp_path: Path) -> None:
    rows = replay(tmp_path, [line("7", 0, 20, 20), line("7", 1, 5, 5, is_foreground=False)], with_truth=False)
    assert [(row["object_id"], row["num_clicks"], row["iou"]) for row in rows["masks"]] == [("7", 2, None)]
    assert [row["iou"] for row in rows["clicks"]] == [None, None]
    assert not rows["errors"]


def test_a_click_outside_the_image_is_an_error_row(tmp_path: Path) -> None:
    rows = replay(tmp_path, [line("1", 0, 20, 20), line("extra", 0, 20, 20_000)], with_truth=True)
    assert [row["object_id"] for row in rows["masks"]] == ["1"]
    assert [(row["object_id"], row["reason"]) for row in rows["errors"]] == [("extra", "click_outside_image")]


def test_what_nobody_clicked_is_counted_and_is_no_error_even_if_it_is_broken(tmp_path: Path) -> None:
    broken, unclicked, clicked = (shape_sample(index, num_objects=3) for index in range(3))
    items: list[ShardItem] = [
        replace(broken, image_bytes=broken.image_bytes[:60]),
        QuarantinedSample("folder/shape-009", Reason.MISSING_IMAGE, "gone"),
        unclicked,
        QuarantinedSample(clicked.key, Reason.EMPTY_OBJECT, "empty", "4"),
        QuarantinedSample(clicked.key, Reason.EMPTY_OBJECT, "empty", "5"),
        clicked,
    ]
    log = [line("1", 0, 20, 20, sample=2), line("5", 0, 20, 20, sample=2)]
    run, summary = replay_items(tmp_path, log, items)
    rows = rows_of(run)
    assert [(row["sample_key"], row["object_id"]) for row in rows["masks"]] == [
        (clicked.key, "1"),
        (clicked.key, "5"),
    ]
    assert [(row["object_id"], row["reason"]) for row in rows["errors"]] == [("5", "empty_object")]
    assert summary.counts.unclicked == Unclicked(
        samples=3, objects=3
    )  # of the clicked one 2, 3 and the empty 4
    (record,) = run.committed().values()
    assert record.unclicked == summary.counts.unclicked


def test_a_sample_whose_objects_were_all_set_aside_is_counted_and_its_clicks_are_records(
    tmp_path: Path,
) -> None:
    lost = [QuarantinedSample("folder/shape-000", Reason.EMPTY_OBJECT, "", object_id) for object_id in "12"]
    unclicked = [
        QuarantinedSample("folder/shape-001", Reason.EMPTY_OBJECT, "", object_id) for object_id in "12"
    ]
    last = [QuarantinedSample("folder/shape-003", Reason.EMPTY_OBJECT, "", "1")]
    items: list[ShardItem] = [*lost, *unclicked, shape_sample(2, num_objects=1), *last]
    log = [
        line("2", 0, 5, 5),
        line("3", 0, 5, 5),
        line("1", 0, 20, 20, sample=2),
        line("9", 0, 5, 5, sample=3),
    ]
    run, summary = replay_items(tmp_path, log, items)
    rows = rows_of(run)
    assert [(row["sample_key"], row["object_id"], row["reason"]) for row in rows["errors"]] == [
        ("folder/shape-000", "2", "empty_object"),
        ("folder/shape-000", "3", "missing_image"),
        ("folder/shape-003", "9", "missing_image"),
    ]
    # nobody clicked the sample 1, object 1 of the sample 0, and object 1 of the sample 3
    assert summary.counts == LabelCounts(1, 1, 3, Unclicked(samples=1, objects=2))


def test_objects_that_only_the_log_knows_are_told_if_their_sample_has_others(tmp_path: Path) -> None:
    items: list[ShardItem] = [
        shape_sample(0, num_objects=2),
        shape_sample(1, with_truth=False),
        QuarantinedSample("folder/shape-002", Reason.EMPTY_OBJECT, "", "2"),
        shape_sample(2, num_objects=1),
    ]
    log = [
        line("1", 0, 20, 20),
        line("dog", 0, 20, 20),
        line("dog", 0, 20, 20, sample=1),
        line("2", 0, 5, 5, sample=2),
    ]
    run, _ = replay_items(tmp_path, log, items)
    (record,) = run.committed().values()
    (note,) = record.notes
    assert "objects of click log or start that are not among those of their sample" in note.text
    assert (note.count, note.first_keys) == (1, ("folder/shape-000 object dog",))


def test_a_sample_without_objects_or_clicks_counts_as_not_clicked(tmp_path: Path) -> None:
    photographs: list[ShardItem] = [shape_sample(index, with_truth=False) for index in range(3)]
    _, summary = replay_items(tmp_path, [line("1", 0, 20, 20, sample=1)], photographs)
    assert summary.counts == LabelCounts(1, 1, 0, Unclicked(samples=2))


@pytest.mark.parametrize(
    ("limits", "num_clicks", "reason"),
    [
        (TO_THE_END, 4, "clicks_exhausted"),
        (SessionLimits(max_clicks=9, target_iou=None), 4, "clicks_exhausted"),
        (SessionLimits(max_clicks=4, target_iou=None), 4, "clicks_exhausted"),
        (SessionLimits(max_clicks=2, target_iou=None), 2, "max_clicks"),
        (SessionLimits(max_clicks=9, target_iou=0.0), 1, "target_reached"),
        (SessionLimits(max_clicks=2, target_iou=1.0), 2, "max_clicks"),
    ],
)
def test_logged_clicks_keep_the_limits_of_the_run(
    tmp_path: Path, limits: SessionLimits, num_clicks: int, reason: str
) -> None:
    log = [line("1", index, 5 + index, 5) for index in range(4)]
    (mask,) = replay(tmp_path, log, with_truth=True, limits=limits)["masks"]
    assert (mask["num_clicks"], mask["stop_reason"]) == (num_clicks, reason)


def test_an_iou_that_nobody_knows_ends_no_replay(tmp_path: Path) -> None:
    log = [line("7", index, 5 + index, 5) for index in range(3)]
    limits = SessionLimits(max_clicks=9, target_iou=0.0)
    (mask,) = replay(tmp_path, log, with_truth=False, limits=limits)["masks"]
    assert (mask["num_clicks"], mask["stop_reason"]) == (3, "clicks_exhausted")


def test_a_click_on_a_pixel_that_is_already_right_is_replayed_like_any_other(tmp_path: Path) -> None:
    rows = replay(
        tmp_path, [line("1", 0, 20, 20), line("1", 1, 20, 20), line("1", 2, 20, 20)], with_truth=False
    )
    assert [row["num_clicks"] for row in rows["masks"]] == [3]
