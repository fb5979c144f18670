"""Click logs in other units and with looks, and the last masks of annotators."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest

from infra.click_logs.load import load_click_log
from infra.click_logs.options import ClickLogOptions
from infra.shards.sample import Sample
from mfp.metrics import iou
from mfp.session import SessionLimits
from tests.actors.labelling.labelled_shapes import STORAGE
from tests.actors.labelling.started_shapes import (
    SAMPLES,
    TO_THE_END,
    boxes_of,
    label,
    mask_of,
    true_mask,
)
from tests.actors.shapes import shape_sample
from tests.infra.runs_of_masks import masks_of


def test_an_annotators_last_mask_is_compared_with_ours(tmp_path: Path) -> None:
    first = tmp_path / "first"
    label(first, SAMPLES[:1], limits=SessionLimits(max_clicks=3, target_iou=None))
    log = load_click_log(STORAGE, str(first))
    same, _ = label(
        tmp_path / "same", SAMPLES[:1], clicks=log, final_masks=masks_of(first), limits=TO_THE_END
    )
    assert {row["divergence"] for row in same["masks"]} == {0.0}
    truths = masks_of(first, {(s.key, t.object_id): t.rle for s in SAMPLES[:1] for t in s.objects})
    other, _ = label(tmp_path / "other", SAMPLES[:1], clicks=log, final_masks=truths, limits=TO_THE_END)
    for row in other["masks"]:
        value = iou(mask_of(row), true_mask(SAMPLES[0], row["object_id"]).astype(np.int8))
        assert value is not None
        assert row["divergence"] == pytest.approx(1 - value)


@pytest.mark.parametrize("units", ["normalised", "percent"])
def test_shares_of_the_image_are_replayed_as_the_same_pixels(tmp_path: Path, units: Any) -> None:
    sample, whole = SAMPLES[0], {"normalised": 1.0, "percent": 100.0}[units]
    in_pixels, in_shares = tmp_path / "pixels.csv", tmp_path / "shares.csv"
    header = "sample_key,object_id,y,x,is_foreground\n"
    in_pixels.write_text(f"{header}{sample.key},1,10,20,1\n")
    in_shares.write_text(
        f"{header}{sample.key},1,{10 / sample.height * whole},{20 / sample.width * whole},1\n"
    )
    logs = [
        load_click_log(STORAGE, str(in_pixels)),
        load_click_log(STORAGE, str(in_shares), ClickLogOptions(units=units)),
    ]
    runs = [
        label(tmp_path / str(number), [sample], clicks=log, limits=TO_THE_END)[0]
        for number, log in enumerate(logs)
    ]
    assert [row["rle"] for row in runs[0]["masks"]] == [row["rle"] for row in runs[1]["masks"]]
    assert runs[1]["clicks"][0]["y"] == pytest.approx(10)


def test_a_run_with_clicks_in_a_row_is_replayed_bit_for_bit(tmp_path: Path) -> None:
    sample = SAMPLES[0]
    log = tmp_path / "log.csv"
    log.write_text(
        "sample_key,object_id,look,y,x,is_foreground\n"
        f"{sample.key},1,0,10,20,1\n{sample.key},1,0,20,20,1\n{sample.key},1,1,5,5,0\n"
    )
    first, _ = label(
        tmp_path / "first", [sample], clicks=load_click_log(STORAGE, str(log)), limits=TO_THE_END
    )
    assert [row["is_looked_at"] for row in first["clicks"]] == [False, True, True]
    again, _ = label(
        tmp_path / "again",
        [sample],
        clicks=load_click_log(STORAGE, str(tmp_path / "first")),
        limits=TO_THE_END,
    )
    assert again == first


def test_objects_of_a_log_without_a_box_are_told(tmp_path: Path) -> None:
    sample = SAMPLES[0]
    log = tmp_path / "log.csv"
    log.write_text(f"sample_key,object_id,y,x,is_foreground\n{sample.key},1,9,9,1\n{sample.key},9,9,9,1\n")
    _, summary = label(
        tmp_path / "run",
        [sample],
        clicks=load_click_log(STORAGE, str(log)),
        starts=boxes_of(tmp_path, [sample]),
        limits=TO_THE_END,
    )
    (note,) = [note for note in summary.record.notes if "start from nothing" in note.text]
    assert (note.count, note.first_keys) == (1, (f"{sample.key} object 9",))


def test_an_annotators_mask_of_another_size_is_quarantined(tmp_path: Path) -> None:
    label(tmp_path / "first", [SAMPLES[0]], limits=SessionLimits(max_clicks=1, target_iou=None))
    other = Sample(**{**vars(shape_sample(1, num_objects=3)), "key": SAMPLES[0].key})
    log = tmp_path / "log.csv"
    log.write_text(f"sample_key,object_id,y,x,is_foreground\n{other.key},1,9,9,1\n")
    rows, _ = label(
        tmp_path / "second",
        [other],
        clicks=load_click_log(STORAGE, str(log)),
        final_masks=masks_of(tmp_path / "first"),
        limits=TO_THE_END,
    )
    assert [(row["reason"], row["detail"].split(" has ")[0]) for row in rows["errors"]] == [
        ("mask_size_mismatch", "the annotator's last mask")
    ]
