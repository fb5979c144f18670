"""Objects that start from masks and boxes."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from actors.specs.clicks import BoxCentre
from infra import rle
from infra.click_logs.load import load_click_log
from infra.runs.commit import Unclicked
from infra.shards.sample import Sample
from infra.starts.load import load_boxes
from mfp.session import SessionLimits
from tests.actors.labelling.labelled_shapes import STORAGE
from tests.actors.labelling.started_shapes import (
    FROM_MASKS,
    SAMPLES,
    TO_THE_END,
    boxes_of,
    label,
    true_mask,
)
from tests.actors.shapes import shape_sample
from tests.infra.runs_of_masks import masks_of


def test_detector_boxes_become_masks_by_one_click_each(tmp_path: Path) -> None:
    rows, _ = label(
        tmp_path / "run",
        SAMPLES,
        clicks=BoxCentre(),
        starts=boxes_of(tmp_path, SAMPLES),
        limits=TO_THE_END,
    )
    assert len(rows["masks"]) == 15
    assert {(row["start"], row["num_clicks"], row["stop_reason"]) for row in rows["masks"]} == {
        ("box", 1, "clicks_exhausted")
    }
    assert {row["source"] for row in rows["clicks"]} == {"box-centre"}
    assert all(row["iou"] is not None and row["start_iou"] is None for row in rows["masks"])
    for row in rows["clicks"]:
        sample = next(one for one in SAMPLES if one.key == row["sample_key"])
        x, y, w, h = rle.bbox(rle.encode(true_mask(sample, row["object_id"])), sample.height, sample.width)
        assert abs(row["x"] - (x + w / 2)) <= 1
        assert abs(row["y"] - (y + h / 2)) <= 1


def test_boxes_need_neither_truth_nor_ids(tmp_path: Path) -> None:
    bare = [shape_sample(index, with_truth=False) for index in range(2)]
    pq.write_table(
        pa.table(
            {
                "sample_key": [bare[0].key, bare[1].key, bare[0].key],
                "x": [3.0, 4.0, 20.0],
                "y": [5.0, 6.0, 10.0],
                "w": [10.0, 12.0, 9.0],
                "h": [8.0, 9.0, 9.0],
            }
        ),
        tmp_path / "b.parquet",
    )
    rows, _ = label(
        tmp_path / "run", bare, clicks=BoxCentre(), starts=load_boxes(STORAGE, str(tmp_path / "b.parquet"))
    )
    assert [(row["sample_key"], row["object_id"], row["iou"]) for row in rows["masks"]] == [
        (bare[0].key, "auto-000001", None),
        (bare[0].key, "auto-000002", None),
        (bare[1].key, "auto-000001", None),
    ]


def test_a_box_outside_its_image_is_quarantined_alone(tmp_path: Path) -> None:
    xs = [1000.0] + [10.0] * 14
    starts = boxes_of(tmp_path, SAMPLES, x=xs, y=[5.0] * 15, w=[9.0] * 15, h=[9.0] * 15)
    rows, _ = label(tmp_path / "run", SAMPLES, clicks=BoxCentre(), starts=starts)
    assert len(rows["masks"]) == 14
    (error,) = rows["errors"]
    assert (error["reason"], error["object_id"]) == ("box_outside_image", "1")
    assert "lies outside the image" in error["detail"]


def test_a_run_can_start_from_the_masks_of_another(tmp_path: Path) -> None:
    """The first run stops early, the second one starts from its masks."""
    early = SessionLimits(max_clicks=1, target_iou=None)
    first, _ = label(tmp_path / "first", SAMPLES, limits=early)
    starts = masks_of(tmp_path / "first")
    second, _ = label(
        tmp_path / "second", SAMPLES, starts=starts, start=FROM_MASKS, limits=SessionLimits(max_clicks=4)
    )
    before = {(row["sample_key"], row["object_id"]): row for row in first["masks"]}
    assert len(second["masks"]) == len(before) == 15
    for row in second["masks"]:
        assert row["start"] == "mask"
        assert row["start_iou"] == before[row["sample_key"], row["object_id"]]["iou"]


def test_objects_whose_start_is_good_have_a_mask_row_and_no_click_row(tmp_path: Path) -> None:
    run = tmp_path / "true"
    label(run, SAMPLES, limits=SessionLimits(max_clicks=1, target_iou=None))
    starts = masks_of(run, {(s.key, t.object_id): t.rle for s in SAMPLES for t in s.objects})
    rows, summary = label(tmp_path / "second", SAMPLES, starts=starts, start=FROM_MASKS)
    assert not rows["clicks"]
    assert {(row["num_clicks"], row["stop_reason"], row["start_iou"]) for row in rows["masks"]} == {
        (0, "target_reached", 1.0)
    }
    assert (summary.counts.objects, summary.counts.clicks) == (15, 0)


def test_masks_that_nobody_clicked_on_stay_as_they_are_beside_corrected_ones(tmp_path: Path) -> None:
    first = tmp_path / "first"
    rows_before, _ = label(first, SAMPLES[:1], limits=SessionLimits(max_clicks=1, target_iou=None))
    key = SAMPLES[0].key
    log = tmp_path / "log.csv"
    log.write_text(f"sample_key,object_id,y,x,is_foreground\n{key},2,5,5,0\n{key},new,9,9,1\n")
    rows, _ = label(
        tmp_path / "second",
        SAMPLES[:1],
        starts=masks_of(first),
        start=FROM_MASKS,
        clicks=load_click_log(STORAGE, str(log)),
        limits=TO_THE_END,
    )
    before = {row["object_id"]: row["rle"] for row in rows_before["masks"]}
    after = {row["object_id"]: row for row in rows["masks"]}
    assert {object_id: (row["start"], row["num_clicks"]) for object_id, row in after.items()} == {
        "1": ("mask", 0),
        "2": ("mask", 1),
        "3": ("mask", 0),
        "new": ("nothing", 1),
    }
    assert all(after[object_id]["rle"] == before[object_id] for object_id in ("1", "3"))
    assert after["1"]["quality"] is None


def test_a_start_mask_of_another_size_is_quarantined(tmp_path: Path) -> None:
    label(tmp_path / "first", [SAMPLES[0]], limits=SessionLimits(max_clicks=1, target_iou=None))
    other = Sample(**{**vars(shape_sample(1, num_objects=3)), "key": SAMPLES[0].key})
    rows, _ = label(tmp_path / "second", [other], starts=masks_of(tmp_path / "first"), start=FROM_MASKS)
    assert not rows["masks"]
    assert {row["reason"] for row in rows["errors"]} == {"mask_size_mismatch"}


def test_objects_without_a_start_are_left_out_and_counted(tmp_path: Path) -> None:
    starts = boxes_of(
        tmp_path, [*SAMPLES[:2], Sample(**{**vars(SAMPLES[2]), "objects": SAMPLES[2].objects[:1]})]
    )
    rows, summary = label(tmp_path / "run", SAMPLES, starts=starts)
    assert len(rows["masks"]) == 7
    assert summary.counts.unclicked == Unclicked(samples=2, objects=2)
