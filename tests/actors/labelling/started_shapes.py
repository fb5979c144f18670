"""Shapes with masks and boxes to start from, for the tests of starts."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.parquet as pq

from actors.labelling.hand_out import Assignment
from actors.labelling.shard_labeller import ShardSummary
from actors.specs.start import Start
from infra import rle
from infra.shards.manifest import ShardEntry
from infra.shards.sample import ObjectTruth, Sample
from infra.starts.load import load_boxes
from infra.starts.starts import Starts
from mfp.session import SessionLimits
from tests.actors.labelling.labelled_shapes import STORAGE, new_run
from tests.actors.shapes import labeller, rows_of, shape_sample

Mask = npt.NDArray[np.bool_]


Row = dict[str, Any]


OVERLAPPING = 3
"""Objects of `overlapping_sample`."""
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


REDUCED = 2**10  # working pixels: the overlapping samples have 9,600
