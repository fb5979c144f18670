"""Logged clicks, replayed."""

from __future__ import annotations

from pathlib import Path

from actors.labelling.hand_out import Assignment
from infra.click_log import load_click_log
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest, ShardEntry
from tests.actors.labelling.labelled_shapes import STORAGE, label_all, new_run
from tests.actors.shapes import (
    labeller,
    reader_of,
    rows_of,
    shape_sample,
)


def replay(tmp_path: Path, log_lines: list[str], *, with_truth: bool) -> dict[str, list[dict[str, object]]]:
    log = tmp_path / "clicks.jsonl"
    log.write_text("\n".join(log_lines))
    run = new_run(tmp_path / "run")
    sample = shape_sample(0, with_truth=with_truth, num_objects=2)
    shards = labeller(run, lambda shard: iter([sample]), click_log=load_click_log(STORAGE, str(log)))
    shards.label(Assignment(ShardEntry("s.tar", 1), "1"))
    shards.close()
    return rows_of(run)


def line(object_id: str, click_idx: int, y: float, x: float, *, is_foreground: bool = True) -> str:
    positive = "true" if is_foreground else "false"
    return (
        f'{{"sample_key": "folder/shape-000", "object_id": "{object_id}", "click_idx": {click_idx}, '
        f'"y": {y}, "x": {x}, "is_foreground": {positive}}}'
    )


def test_replaying_the_clicks_of_a_simulated_run_gives_its_masks_bit_for_bit(
    tmp_path: Path, dataset: DatasetManifest, expected: RunDirectory
) -> None:
    log = load_click_log(STORAGE, expected.url)
    run = new_run(tmp_path)
    shards = labeller(run, reader_of(dataset, STORAGE), click_log=log)
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


def test_objects_without_clicks_or_with_a_click_outside_the_image_are_error_rows(tmp_path: Path) -> None:
    rows = replay(tmp_path, [line("1", 0, 20, 20), line("extra", 0, 20, 20_000)], with_truth=True)
    assert [row["object_id"] for row in rows["masks"]] == ["1"]
    assert [(row["object_id"], row["reason"]) for row in rows["errors"]] == [
        ("2", "no_clicks"),
        ("extra", "click_outside_image"),
    ]


def test_a_click_on_a_pixel_that_is_already_right_is_replayed_like_any_other(tmp_path: Path) -> None:
    rows = replay(
        tmp_path, [line("1", 0, 20, 20), line("1", 1, 20, 20), line("1", 2, 20, 20)], with_truth=False
    )
    assert [row["num_clicks"] for row in rows["masks"]] == [3]
