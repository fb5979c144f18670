"""What all workers of a labelling run are told, and how one of them is put together from it."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from actors.click_models.model_ref import ModelRef
from actors.labelling.given import Given
from actors.labelling.kept_rows import KeptRows
from actors.labelling.object_sessions import ObjectSessions
from actors.labelling.shard_labeller import ShardLabeller
from actors.specs.clicks import Clicks
from actors.specs.label import LabelSpec
from infra.layouts.mask_doubts import doubts_of
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import ShardEntry
from infra.shards.sample import Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage, join
from mfp.engine import Engine
from mfp.mask_quality import EXPECTED_IOU, Quality
from mfp.session import SessionLimits


@dataclass(frozen=True)
class LabelJob:
    """One run: its specification, the same for every worker and every model, small and without credentials.

    `spec` is resolved. `dataset_url` is where the shards lie. For `driver_commits` see `infra.runs.commit_guard`.
    `quality` scores masks.
    """

    spec: LabelSpec
    dataset_url: str
    driver_commits: bool = False
    quality: Quality = EXPECTED_IOU

    def load(self, model: ModelRef, device: str) -> Engine:
        """An engine over a model, for a worker. WeightsError or ModelError if it cannot be built."""
        built = model.build(self.spec.model.modulation)
        return Engine(built, self.spec.network, device, model.identity, self.quality)


def limits_of(clicks: Clicks) -> SessionLimits:
    """When sessions end, by the resolved clicks of a run."""
    assert clicks.max_clicks != "auto" and clicks.target_iou != "auto", "the specification is resolved"
    return SessionLimits(
        max_clicks=None if clicks.max_clicks == "all" else clicks.max_clicks,
        target_iou=None if clicks.target_iou == "none" else clicks.target_iou,
        target_quality=math.inf if clicks.target_quality == "none" else clicks.target_quality,
        min_change=clicks.min_change,
    )


def object_sessions(spec: LabelSpec, given: Given) -> ObjectSessions:
    """What opens the sessions of a run, by its resolved specification."""
    return ObjectSessions(limits_of(spec.clicks), given, spec.start, spec.seed, spec.limits.working_pixels)


def build_labeller(job: LabelJob, given: Given) -> ShardLabeller:
    """Put a labeller together, with what the specification names."""
    spec = job.spec
    storage = Storage(spec.storage, endpoint_is_known=True)

    def read(shard: ShardEntry) -> Iterator[ShardItem | ShardNote]:
        notes: list[ShardNote] = []
        is_foreign = shard.sha256 is None  # mfp shard has told of its own
        for item in read_shard(storage, join(job.dataset_url, shard.name), shard, notes.append):
            yield from notes
            notes.clear()
            if is_foreign and isinstance(item, Sample):
                yield from (ShardNote(doubt.text, doubt.key) for doubt in doubts_of(item))
            yield item
        yield from notes

    return ShardLabeller(
        objects=object_sessions(spec, given),
        read_shard=read,
        run=RunDirectory(spec.out, storage),
        driver_commits=job.driver_commits,
        kept=KeptRows(given.kept, RunDirectory(given.kept.run, storage)),
    )
