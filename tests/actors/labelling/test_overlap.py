"""Objects of an image that take notice of each other: none has pixels of another, and none is lost."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import pytest
from torch import Tensor

from actors.labelling.hand_out import Assignment
from actors.specs.clicks import BoxCentre
from actors.specs.start import Start
from infra import rle
from infra.click_logs.load import load_click_log
from infra.shards.manifest import ShardEntry
from infra.shards.sample import ObjectTruth, Sample
from infra.starts.load import load_masks
from mfp.click_model import CropBatch
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.metrics import iou
from mfp.models.analytic import AnalyticClickModel
from tests.actors.labelling.labelled_shapes import STORAGE, new_run
from tests.actors.labelling.started_shapes import (
    OVERLAPPING,
    REDUCED,
    SAMPLES,
    TO_THE_END,
    boxes_of,
    label,
    mask_of,
    overlapping_sample,
    true_mask,
)
from tests.actors.shapes import ZOOM_SIZE, labeller


@pytest.mark.parametrize("overlap", ["exclude", "priority"])
@pytest.mark.parametrize("batch_size", [1, 5])
def test_excluded_objects_share_no_pixel_whatever_the_batch(
    tmp_path: Path, overlap: Any, batch_size: int
) -> None:
    samples = [overlapping_sample(f"overlapping-{number}") for number in range(6)]
    rows, _ = label(tmp_path / "run", samples, start=Start(overlap=overlap), batch_size=batch_size)
    assert len(rows["masks"]) == 6 * OVERLAPPING
    for sample in samples:
        masks = {row["object_id"]: mask_of(row) for row in rows["masks"] if row["sample_key"] == sample.key}
        assert np.stack(list(masks.values())).sum(axis=0).max() == 1
        first, last = ("1", "3") if overlap == "exclude" else ("3", "1")
        labels = true_mask(sample, first).astype(np.int8)
        alone, cut = iou(masks[first], labels), iou(masks[last], true_mask(sample, last).astype(np.int8))
        assert alone is not None and cut is not None
        assert alone > 0.8
    alone_rows, _ = label(tmp_path / "alone", samples[:1], start=Start(overlap=overlap), batch_size=1)
    assert [row for row in rows["clicks"] if row["sample_key"] == samples[0].key] == alone_rows["clicks"]


def test_objects_that_take_no_notice_overlap(tmp_path: Path) -> None:
    rows, _ = label(tmp_path / "run", [overlapping_sample()])
    assert np.stack([mask_of(row) for row in rows["masks"]]).sum(axis=0).max() > 1


def test_rows_of_excluded_objects_stand_in_the_order_of_the_shard(tmp_path: Path) -> None:
    samples = [overlapping_sample(f"overlapping-{number}") for number in range(4)]
    run = new_run(tmp_path)
    shards = labeller(run, lambda shard: iter(samples), start=Start(overlap="exclude"), batch_size=3)
    shards.label(Assignment(ShardEntry("s.tar", 4), "1"))
    shards.close()
    keys = run.read_masks(["sample_key", "object_id"]).to_pylist()
    assert [(row["sample_key"], row["object_id"]) for row in keys] == [
        (sample.key, str(number)) for sample in samples for number in range(1, OVERLAPPING + 1)
    ]


def test_an_object_that_cannot_be_clicked_does_not_hold_up_its_neighbours(tmp_path: Path) -> None:
    sample = overlapping_sample()
    empty = ObjectTruth("2", rle.encode(np.zeros((80, 120), np.bool_)))
    broken = Sample(**{**vars(sample), "objects": (sample.objects[0], empty, sample.objects[2])})
    rows, _ = label(tmp_path / "run", [broken, SAMPLES[0]], start=Start(overlap="exclude"))
    assert [(row["object_id"], row["reason"]) for row in rows["errors"]] == [("2", "empty_object")]
    assert len(rows["masks"]) == 5


def unequal_sample(key: str, num_objects: int) -> Sample:
    """As `overlapping_sample`, of another number of objects."""
    sample = overlapping_sample(key)
    return Sample(**{**vars(sample), "objects": sample.objects[:num_objects]})


def test_objects_that_take_notice_are_finished_before_the_shard_of_another_model_begins(
    tmp_path: Path,
) -> None:
    """Images of a shard have different numbers of objects, so that some end while others go on at the border."""
    counts = (1, 3, 2, 3, 1)
    by_shard = {
        f"s{number}.tar": [unequal_sample(f"{number}-{i}", count) for i, count in enumerate(counts)]
        for number in range(3)
    }
    all_read = threading.Event()
    was_read: list[str] = []

    def read(shard: ShardEntry) -> Iterator[Sample]:
        yield from by_shard[shard.name]
        was_read.append(shard.name)
        if len(was_read) == len(by_shard):
            all_read.set()

    class Gated(AnalyticClickModel):
        """Waits with its first answer until the next shards wait at the border."""

        def predict(self, batch: CropBatch) -> Tensor:
            assert all_read.wait(60)
            return super().predict(batch)

    run = new_run(tmp_path)
    shards = labeller(run, read, start=Start(overlap="exclude"))
    settings = EngineSettings(batch_size=8, zoom_size=ZOOM_SIZE)
    engines = [Engine(Gated(), settings, identity=f"model-{number}") for number in range(3)]
    with ThreadPoolExecutor(3) as callers:
        waiting = [
            callers.submit(shards.label, Assignment(ShardEntry(name, 5), name), engine)
            for name, engine in zip(by_shard, engines, strict=True)
        ]
        assert [one.result(120).counts.objects for one in waiting] == [sum(counts)] * 3
    shards.close()
    found = run.read_masks(["shard", "model_id"]).to_pylist()
    assert {(row["shard"], row["model_id"]) for row in found} == {
        (f"s{number}.tar", f"model-{number}") for number in range(3)
    }


def test_closing_ends_while_a_shard_waits_at_the_border(tmp_path: Path) -> None:
    gate, is_asked = threading.Event(), threading.Event()

    class Gated(AnalyticClickModel):
        def predict(self, batch: CropBatch) -> Tensor:
            is_asked.set()
            assert gate.wait(60)
            return super().predict(batch)

    shards = labeller(
        new_run(tmp_path),
        lambda shard: iter([overlapping_sample(shard.name)]),
        start=Start(overlap="exclude"),
    )
    settings = EngineSettings(batch_size=2, zoom_size=ZOOM_SIZE)
    with ThreadPoolExecutor(3) as callers:
        waiting = [
            callers.submit(
                shards.label, Assignment(ShardEntry(name, 1), name), Engine(Gated(), settings, identity=name)
            )
            for name in ("a", "b")
        ]
        assert is_asked.wait(60)
        closing = callers.submit(shards.close)
        gate.set()
        closing.result(30)
        for one in waiting:
            with pytest.raises(RuntimeError, match="was closed"):
                one.result(30)


@pytest.mark.parametrize("overlap", ["exclude", "priority"])
def test_excluded_objects_share_no_pixel_of_an_image_that_is_reduced(tmp_path: Path, overlap: Any) -> None:
    rows, _ = label(
        tmp_path / "run", [overlapping_sample()], start=Start(overlap=overlap), working_pixels=REDUCED
    )
    masks = np.stack([mask_of(row) for row in rows["masks"]])
    assert masks.any(axis=(1, 2)).sum() >= 2
    assert masks.sum(axis=0).max() == 1


def test_the_box_of_the_better_score_is_made_first(tmp_path: Path) -> None:
    sample = overlapping_sample()
    scores = {"score": [0.2, 0.9, 0.5]}
    starts = boxes_of(tmp_path, [sample], **scores)
    rows, _ = label(
        tmp_path / "run",
        [sample],
        clicks=BoxCentre(),
        starts=starts,
        start=Start("boxes:here", overlap="priority"),
        limits=TO_THE_END,
    )
    alone, _ = label(tmp_path / "alone", [sample], clicks=BoxCentre(), starts=starts, limits=TO_THE_END)
    made, free = ({row["object_id"]: row["rle"] for row in one["masks"]} for one in (rows, alone))
    assert made["2"] == free["2"]
    assert made["1"] != free["1"]


@pytest.mark.parametrize("working_pixels", [2**24, REDUCED])
def test_masks_that_nobody_clicked_on_are_background_for_all_others(
    tmp_path: Path, working_pixels: int
) -> None:
    """The first object is clicked, and would grow over the second and third, which overlap each other."""
    sample = overlapping_sample()
    masks = {truth.object_id: rle.decode(truth.rle, 80, 120) for truth in sample.objects}
    folder = tmp_path / "masks" / sample.key
    folder.mkdir(parents=True)
    for object_id, mask in masks.items():
        cv2.imwrite(str(folder / f"{object_id}.png"), mask.astype(np.uint8) * 255)
    log = tmp_path / "log.csv"
    log.write_text(f"sample_key,object_id,y,x,is_foreground\n{sample.key},1,40,30,1\n")
    rows, _ = label(
        tmp_path / "run",
        [sample],
        starts=load_masks(STORAGE, str(tmp_path / "masks")),
        start=Start("masks:here", overlap="exclude"),
        clicks=load_click_log(STORAGE, str(log)),
        limits=TO_THE_END,
        working_pixels=working_pixels,
    )
    made = {row["object_id"]: mask_of(row) for row in rows["masks"]}
    assert np.array_equal(made["2"], masks["2"])
    assert np.array_equal(made["3"], masks["3"])
    assert made["1"].any()
    assert not (made["1"] & (masks["2"] | masks["3"])).any()
    assert [row["start_iou"] for row in rows["masks"]] == [1.0] * 3


def test_without_a_score_the_priority_of_the_data_set_counts(tmp_path: Path) -> None:
    sample = overlapping_sample()
    rows, _ = label(
        tmp_path / "run",
        [sample],
        clicks=BoxCentre(),
        starts=boxes_of(tmp_path, [sample]),
        start=Start("boxes:here", overlap="priority"),
        limits=TO_THE_END,
    )
    alone, _ = label(
        tmp_path / "alone",
        [sample],
        clicks=BoxCentre(),
        starts=boxes_of(tmp_path, [sample]),
        limits=TO_THE_END,
    )
    made, free = ({row["object_id"]: row["rle"] for row in one["masks"]} for one in (rows, alone))
    assert made["3"] == free["3"]
    assert made["1"] != free["1"]
