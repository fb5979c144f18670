"""Images that are worked on at a reduced size: full masks, the tables in image pixels, and the same again by replay."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from actors.labelling.given import Given
from actors.labelling.hand_out import Assignment
from actors.labelling.object_sessions import ObjectSessions
from actors.specs.clicks import Simulated
from infra import rle
from infra.click_logs.click_log import ClickLog
from infra.click_logs.load import load_click_log
from infra.runs.run_check import check_shard
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import ShardEntry
from infra.shards.sample import ObjectTruth, Sample
from infra.shards.sample_document import ShardItem
from infra.storage.files import Storage
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import SessionLimits
from mfp.stop_reason import StopReason
from tests.actors.shapes import LIMITS, SIMULATED, OneModelLabeller, rows_of, shape_sample
from tests.infra.requests import asked

STORAGE = Storage()
SAMPLES = [shape_sample(index) for index in range(8)]  # 40 to 90 pixels a side, some of them odd
LIMIT = 1100  # working pixels: halves and quarters of these images fit


def labelled(
    folder: Path,
    working_pixels: int,
    samples: list[Sample],
    *,
    clicks: ClickLog | Simulated = SIMULATED,
    limits: SessionLimits = LIMITS,
) -> RunDirectory:
    run = RunDirectory(str(folder), STORAGE)
    run.open(asked())

    def read(shard: ShardEntry) -> Iterator[ShardItem]:
        yield from samples

    engine = Engine(AnalyticClickModel(), EngineSettings(zoom_size=64))
    labeller = OneModelLabeller(
        engine, ObjectSessions(limits, Given(clicks), working_pixels=working_pixels), read, run
    )
    labeller.label(Assignment(ShardEntry("s.tar", len(samples)), "1"))
    labeller.close()
    return run


@pytest.fixture(scope="module")
def reduced(tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    return labelled(tmp_path_factory.mktemp("reduced"), LIMIT, SAMPLES)


def test_masks_have_the_size_of_the_image_and_rows_agree_with_each_other(reduced: RunDirectory) -> None:
    (record,) = reduced.committed().values()
    assert check_shard(reduced, record, tuple(StopReason)).findings == ()
    size_of = {sample.key: (sample.height, sample.width) for sample in SAMPLES}
    for row in reduced.read_masks().to_pylist():
        assert (row["height"], row["width"]) == size_of[row["sample_key"]]
    for row in reduced.read_clicks().to_pylist():
        height, width = size_of[row["sample_key"]]
        region = row["region"]
        assert 0 <= row["y"] < height
        assert 0 <= row["x"] < width
        assert 0 <= region["row_min"] <= region["row_max"] < height
        assert 0 <= region["col_min"] <= region["col_max"] < width


def test_the_iou_at_working_size_is_near_that_of_the_whole_mask(reduced: RunDirectory) -> None:
    truth_of = {(sample.key, truth.object_id): truth.rle for sample in SAMPLES for truth in sample.objects}
    ignore_of = {sample.key: sample.ignore_rle for sample in SAMPLES}
    differences = []
    for row in reduced.read_masks().to_pylist():
        if ignore_of[row["sample_key"]] is not None:
            continue
        size = row["height"], row["width"]
        mask = rle.decode(row["rle"], *size)
        truth = rle.decode(truth_of[row["sample_key"], row["object_id"]], *size)
        differences.append(abs(row["iou"] - (mask & truth).sum() / (mask | truth).sum()))
    assert len(differences) > 5
    assert np.mean(differences) < 0.1


def test_replaying_the_clicks_gives_the_masks_again_bit_for_bit(
    reduced: RunDirectory, tmp_path: Path
) -> None:
    again = labelled(tmp_path, LIMIT, SAMPLES, clicks=load_click_log(STORAGE, reduced.url))
    columns = ["sample_key", "object_id", "rle", "iou", "quality", "num_clicks"]
    assert again.read_masks(columns) == reduced.read_masks(columns)
    columns = ["sample_key", "object_id", "click_idx", "y", "x", "iou", "area", "region"]
    assert again.read_clicks(columns) == reduced.read_clicks(columns)


def test_images_within_the_limit_are_not_touched_by_it(tmp_path: Path) -> None:
    largest = max(sample.height * sample.width for sample in SAMPLES)
    assert rows_of(labelled(tmp_path / "at", largest, SAMPLES)) == rows_of(
        labelled(tmp_path / "above", 2**30, SAMPLES)
    )


def test_an_object_too_thin_for_the_working_size_is_an_error_row(tmp_path: Path) -> None:
    line = np.zeros((SAMPLES[0].height, SAMPLES[0].width), np.bool_)
    line[5] = True
    sample = replace(SAMPLES[0], objects=(*SAMPLES[0].objects, ObjectTruth("line", rle.encode(line))))
    rows = rows_of(labelled(tmp_path, 400, [sample]))
    (error,) = rows["errors"]
    assert (error["object_id"], error["reason"]) == ("line", "empty_object")
    assert "at 1/4 of the image's size" in str(error["detail"])


def test_a_click_outside_the_image_is_one_at_any_working_size(tmp_path: Path) -> None:
    """Also where the last block, cut off by the border, would have room for it."""
    sample = shape_sample(1)
    assert sample.height % 4
    log = tmp_path / "clicks.jsonl"
    log.write_text(
        f'{{"sample_key": "{sample.key}", "object_id": "1", "click_idx": 0, "y": {sample.height}, "x": 3, '
        '"is_foreground": true}'
    )
    run = labelled(
        tmp_path / "run", 400, [replace(sample, objects=())], clicks=load_click_log(STORAGE, str(log))
    )
    (error,) = rows_of(run)["errors"]
    assert error["reason"] == "click_outside_image"
    assert f"{sample.height}x{sample.width} pixels" in str(error["detail"])
