"""Objects that start from masks, boxes and damaged truths, and objects that take notice of each other."""

from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from torch import Tensor

from actors.labelling.hand_out import Assignment
from actors.labelling.shard_labeller import ShardSummary
from actors.specs.clicks import BoxCentre, Simulated
from actors.specs.start import Start, StartsFromDamage
from infra import rle
from infra.click_logs.load import load_click_log
from infra.click_logs.options import ClickLogOptions
from infra.runs.commit import Unclicked
from infra.shards.manifest import ShardEntry
from infra.shards.sample import ObjectTruth, Sample
from infra.starts.load import load_boxes, load_masks
from infra.starts.starts import Starts
from mfp.click_model import CropBatch
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.metrics import iou
from mfp.models.analytic import AnalyticClickModel
from mfp.session import SessionLimits
from tests.actors.labelling.labelled_shapes import STORAGE, new_run
from tests.actors.shapes import ZOOM_SIZE, labeller, rows_of, shape_sample
from tests.infra.runs_of_masks import masks_of

Mask = npt.NDArray[np.bool_]
Row = dict[str, Any]
TO_THE_END = SessionLimits(max_clicks=None, target_iou=None)
SAMPLES = [shape_sample(index, num_objects=3) for index in range(5)]
FROM_MASKS = Start("masks:here")
"""Only the changes count: the masks are given."""


def label(
    folder: Path, samples: Sequence[Sample], **settings: Any
) -> tuple[dict[str, list[Row]], ShardSummary]:
    run = new_run(folder)
    shards = labeller(run, lambda shard: iter(samples), **settings)
    summary = shards.label(Assignment(ShardEntry("s.tar", len(samples)), "1"))
    shards.close()
    return rows_of(run), summary


def mask_of(row: Row) -> Mask:
    return rle.decode(row["rle"], row["height"], row["width"])


def true_mask(sample: Sample, object_id: str) -> Mask:
    (truth,) = (one for one in sample.objects if one.object_id == object_id)
    return rle.decode(truth.rle, sample.height, sample.width)


def boxes_of(tmp_path: Path, samples: Sequence[Sample], **columns: list[Any]) -> Starts:
    """The boxes of all true masks, with their ids unless columns say otherwise."""
    rows: dict[str, list[Any]] = {name: [] for name in ("sample_key", "object_id", "x", "y", "w", "h")}
    for sample in samples:
        for truth in sample.objects:
            box = rle.bbox(truth.rle, sample.height, sample.width)
            for name, value in zip(rows, (sample.key, truth.object_id, *map(float, box)), strict=True):
                rows[name].append(value)
    pq.write_table(pa.table(rows | columns), tmp_path / "boxes.parquet")
    return load_boxes(STORAGE, str(tmp_path / "boxes.parquet"))


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


def test_damaged_truths_start_in_their_range_and_depend_on_their_seed_alone(tmp_path: Path) -> None:
    large = [large_sample()]
    runs = [
        label(
            tmp_path / name,
            large,
            starts=StartsFromDamage(),
            start=Start("damaged", damage_seed=damage_seed),
            seed=seed,
            batch_size=batch,
        )[0]
        for name, damage_seed, seed, batch in (("a", 1, 0, 1), ("b", 1, 5, 7), ("c", 2, 0, 4))
    ]
    for row in runs[0]["masks"]:
        assert 0.75 <= row["start_iou"] <= 0.85
        assert row["start"] == "mask"
    assert runs[0] == runs[1]
    assert runs[0] != runs[2]


def large_sample() -> Sample:
    image = np.zeros((120, 160, 3), np.uint8)
    masks = []
    for left in (10, 80):
        mask = np.zeros((120, 160), np.bool_)
        mask[20:90, left : left + 60] = True
        image[mask] = 220
        masks.append(mask)
    objects = tuple(ObjectTruth(str(number), rle.encode(mask)) for number, mask in enumerate(masks, 1))
    return Sample("large", cv2.imencode(".png", image)[1].tobytes(), "png", 120, 160, objects)


@pytest.mark.parametrize("user", ["distance-weighted", "jitter?pixels=40", "wrong-label?p=0.5"])
def test_rows_of_a_drawn_user_depend_on_the_seed_and_on_nothing_else(tmp_path: Path, user: str) -> None:
    def rows(name: str, seed: int, samples: Sequence[Sample], batch_size: int) -> list[Row]:
        made, _ = label(tmp_path / name, samples, clicks=Simulated(user), seed=seed, batch_size=batch_size)
        return made["clicks"]

    one = rows("one", 3, SAMPLES, 1)
    assert rows("two", 3, SAMPLES[::-1], 5) == one
    assert rows("three", 4, SAMPLES, 1) != one
    assert {row["is_clamped"] for row in one} == ({True, False} if "jitter" in user else {False})


OVERLAPPING = 3


def overlapping_sample(key: str = "overlapping") -> Sample:
    """Three bright squares that overlap, each with all of its pixels."""
    image = np.zeros((80, 120, 3), np.uint8)
    masks = []
    for number in range(OVERLAPPING):
        mask = np.zeros((80, 120), np.bool_)
        mask[20:60, 10 + 25 * number : 50 + 25 * number] = True
        image[mask] = 200
        masks.append(mask)
    objects = tuple(
        ObjectTruth(str(number), rle.encode(mask), {"priority": number})
        for number, mask in enumerate(masks, 1)
    )
    return Sample(key, cv2.imencode(".png", image)[1].tobytes(), "png", 80, 120, objects)


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


REDUCED = 2**10  # working pixels: the overlapping samples have 9,600


@pytest.mark.parametrize("overlap", ["exclude", "priority"])
def test_excluded_objects_share_no_pixel_of_an_image_that_is_reduced(tmp_path: Path, overlap: Any) -> None:
    rows, _ = label(
        tmp_path / "run", [overlapping_sample()], start=Start(overlap=overlap), working_pixels=REDUCED
    )
    masks = np.stack([mask_of(row) for row in rows["masks"]])
    assert masks.any(axis=(1, 2)).sum() >= 2
    assert masks.sum(axis=0).max() == 1


def two_blobs() -> tuple[Sample, Mask]:
    """An image with one bright square, and a mask that has another beside it, with a ragged rim."""
    image = np.zeros((120, 240, 3), np.uint8)
    truth = np.zeros((120, 240), np.bool_)
    truth[30:80, 30:80] = True
    image[truth] = 255
    mask = np.zeros((120, 240), np.bool_)
    mask[30:80, 160:211:2] = True
    mask[40:60, 160:211] = True
    sample = Sample(
        "blobs",
        cv2.imencode(".png", image)[1].tobytes(),
        "png",
        120,
        240,
        (ObjectTruth("1", rle.encode(truth)),),
    )
    return sample, mask


def starts_of(tmp_path: Path, key: str, mask: Mask) -> Starts:
    folder = tmp_path / "masks"
    folder.mkdir(exist_ok=True)
    cv2.imwrite(str(folder / f"{key}.png"), mask.astype(np.uint8) * 255)
    return load_masks(STORAGE, str(folder))


@pytest.mark.parametrize("working_pixels", [2**24, 2**12])
def test_a_local_change_leaves_other_parts_of_the_mask_bit_for_bit(
    tmp_path: Path, working_pixels: int
) -> None:
    """Also where the image is worked on at a quarter of its size: what did not change keeps its fine rim."""
    sample, mask = two_blobs()
    log = tmp_path / "log.csv"
    log.write_text("sample_key,object_id,y,x,is_foreground\nblobs,1,55,55,1\n")
    settings: dict[str, Any] = {
        "starts": starts_of(tmp_path, "blobs", mask),
        "clicks": load_click_log(STORAGE, str(log)),
        "limits": TO_THE_END,
        "working_pixels": working_pixels,
    }
    local, _ = label(tmp_path / "local", [sample], start=FROM_MASKS, **settings)
    after = mask_of(local["masks"][0])
    assert np.array_equal(after[:, 140:], mask[:, 140:])
    assert after[30:80, 30:80].mean() > 0.9
    changed, _ = label(tmp_path / "global", [sample], start=Start("masks:here", "global"), **settings)
    assert not np.array_equal(mask_of(changed["masks"][0])[:, 140:], mask[:, 140:])


def test_a_start_mask_of_a_reduced_image_that_nobody_clicks_on_keeps_every_pixel(tmp_path: Path) -> None:
    sample, mask = two_blobs()
    log = tmp_path / "log.csv"
    log.write_text("sample_key,object_id,y,x,is_foreground\nblobs,2,55,55,1\n")
    rows, _ = label(
        tmp_path / "run",
        [sample],
        starts=starts_of(tmp_path, "blobs", mask),
        start=FROM_MASKS,
        clicks=load_click_log(STORAGE, str(log)),
        limits=TO_THE_END,
        working_pixels=2**12,
    )
    assert [row["rle"] for row in rows["masks"] if row["object_id"] == "1"] == [rle.encode(mask)]


def test_equal_objects_have_draws_and_damage_of_their_own(tmp_path: Path) -> None:
    sample = large_sample()
    twice = (sample.objects[0], ObjectTruth("again", sample.objects[0].rle))
    samples = [Sample(**{**vars(sample), "key": key, "objects": twice}) for key in ("a", "b")]
    once = SessionLimits(max_clicks=1, target_iou=None)
    drawn, _ = label(tmp_path / "drawn", samples, clicks=Simulated("uniform"), limits=once)
    assert len({(row["y"], row["x"]) for row in drawn["clicks"]}) == 4
    damaged, _ = label(
        tmp_path / "damaged", samples, starts=StartsFromDamage(), start=Start("damaged"), limits=once
    )
    assert len({row["start_iou"] for row in damaged["masks"]}) == 4


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


def test_an_object_too_small_for_the_damage_is_set_aside(tmp_path: Path) -> None:
    sample = large_sample()
    dot = np.zeros((120, 160), np.bool_)
    dot[50, 50] = True
    with_dot = Sample(**{**vars(sample), "objects": (*sample.objects, ObjectTruth("dot", rle.encode(dot)))})
    rows, _ = label(tmp_path / "run", [with_dot], starts=StartsFromDamage(), start=Start("damaged"))
    assert len(rows["masks"]) == 2
    assert [(row["object_id"], row["reason"], row["detail"]) for row in rows["errors"]] == [
        ("dot", "too_small", "no damage leaves its 1 pixels with an IoU of 0.75 to 0.85")
    ]


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
