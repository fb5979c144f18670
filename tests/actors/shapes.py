"""A small data set of bright shapes on a dark ground, drawn from a seed, and what to label it with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import cv2
import numpy as np
import numpy.typing as npt

from actors.labelling.given import Given
from actors.labelling.hand_out import Assignment
from actors.labelling.object_sessions import ObjectSessions
from actors.labelling.shard_labeller import MAX_PIXELS_AHEAD, ReadShard, ShardLabeller, ShardSummary
from actors.specs.clicks import BoxCentre, Simulated
from actors.specs.start import Start, StartsFromDamage, StartsFromNothing
from actors.working_size import WORKING_PIXELS
from infra import rle
from infra.click_logs.click_log import ClickLog
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import ObjectTruth, QuarantinedSample, Sample
from infra.shards.shard_reader import read_shard
from infra.shards.shard_writer import write_dataset
from infra.starts.starts import Starts
from infra.storage.files import Storage
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import SessionLimits

ZOOM_SIZE = 160
SIMULATED = Simulated()
FROM_NOTHING = StartsFromNothing()
START = Start()
LIMITS = SessionLimits(max_clicks=5, target_iou=0.9)


def shape_sample(index: int, *, with_truth: bool = True, num_objects: int | None = None) -> Sample:
    """One image with one to three ellipses; its pixels depend on the index alone."""
    rng = np.random.default_rng(index)
    height, width = (int(side) for side in rng.integers(40, 90, size=2))
    image = rng.integers(0, 30, size=(height, width, 3), dtype=np.uint8)
    count = int(rng.integers(1, 4)) if num_objects is None else num_objects
    masks = [_ellipse(rng, height, width) for _ in range(count)]
    for mask in masks:
        image[mask] = 255 - image[mask]
    ignore = np.zeros((height, width), np.bool_)
    ignore[:, :3] = True
    return Sample(
        key=f"folder/shape-{index:03d}",
        image_bytes=cv2.imencode(".png", image)[1].tobytes(),
        extension="png",
        height=height,
        width=width,
        objects=tuple(ObjectTruth(str(number), rle.encode(mask)) for number, mask in enumerate(masks, 1))
        if with_truth
        else (),
        ignore_rle=rle.encode(ignore) if with_truth and index % 3 == 0 else None,
    )


def _ellipse(rng: np.random.Generator, height: int, width: int) -> npt.NDArray[np.bool_]:
    canvas = np.zeros((height, width), np.uint8)
    centre = (int(rng.integers(12, width - 12)), int(rng.integers(12, height - 12)))
    axes = (int(rng.integers(5, 14)), int(rng.integers(5, 14)))
    cv2.ellipse(canvas, centre, axes, float(rng.integers(0, 180)), 0, 360, 1, -1)
    return canvas.astype(np.bool_)


def write_shapes(
    url: str,
    storage: Storage,
    *,
    num_samples: int = 12,
    samples_per_shard: int = 3,
    broken: Sequence[int] = (),
    with_truth: bool = True,
) -> DatasetManifest:
    """A data set of shapes; the images of the samples in `broken` are cut off behind their header."""

    def samples() -> Iterator[Sample | QuarantinedSample]:
        for index in range(num_samples):
            sample = shape_sample(index, with_truth=with_truth)
            if index in broken:
                sample = Sample(**{**vars(sample), "image_bytes": sample.image_bytes[:60]})
            yield sample

    return write_dataset(samples(), url, storage, samples_per_shard)


class OneModelLabeller(ShardLabeller):
    """A shard labeller whose shards all have one model, unless a call names another."""

    def __init__(
        self,
        engine: Engine,
        objects: ObjectSessions,
        read_shard: ReadShard,
        run: RunDirectory,
        model_id: str = "analytic",
        max_pixels_ahead: int = MAX_PIXELS_AHEAD,
        *,
        driver_commits: bool = False,
    ) -> None:
        engine.identity = model_id
        self.engine = engine
        super().__init__(objects, read_shard, run, max_pixels_ahead, driver_commits=driver_commits)

    def label(self, assignment: Assignment, engine: Engine | None = None) -> ShardSummary:
        return super().label(assignment, engine or self.engine)


def labeller(
    run: RunDirectory,
    read: ReadShard,
    *,
    batch_size: int = 4,
    clicks: ClickLog | Simulated | BoxCentre = SIMULATED,
    starts: Starts | StartsFromNothing | StartsFromDamage = FROM_NOTHING,
    final_masks: Starts | None = None,
    start: Start = START,
    seed: int = 0,
    working_pixels: int = WORKING_PIXELS,
    max_pixels_ahead: int = MAX_PIXELS_AHEAD,
    limits: SessionLimits = LIMITS,
) -> OneModelLabeller:
    """A shard labeller with the analytic model."""
    settings = EngineSettings(batch_size=batch_size, zoom_size=ZOOM_SIZE)
    return OneModelLabeller(
        Engine(AnalyticClickModel(), settings),
        ObjectSessions(limits, Given(clicks, starts, final_masks), start.resolved(), seed, working_pixels),
        read,
        run,
        "analytic",
        max_pixels_ahead,
    )


def reader_of(manifest: DatasetManifest, storage: Storage) -> ReadShard:
    """Reads the shards of a data set."""
    return lambda shard: read_shard(storage, manifest.shard_url(shard), shard)


def rows_of(run: RunDirectory) -> dict[str, list[dict[str, object]]]:
    """Every row of a run by table, in one order; without the seconds, which no two runs share."""
    tables = {"masks": run.read_masks(), "clicks": run.read_clicks(), "errors": run.read_errors()}
    rows: dict[str, list[dict[str, object]]] = {}
    for name, table in tables.items():
        kept = table.drop_columns(["seconds"]) if "seconds" in table.column_names else table
        rows[name] = sorted(kept.to_pylist(), key=str)
    return rows
