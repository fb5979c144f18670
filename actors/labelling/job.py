"""What all workers of a labelling run are told, and how one of them is put together from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from actors.labelling.loaded_model import LoadedModel, ModelBytes, load_model
from actors.labelling.object_sessions import ObjectSessions
from actors.labelling.shard_labeller import ShardLabeller
from actors.working_size import WORKING_PIXELS
from infra.click_log import ClickLog
from infra.layouts.mask_doubts import doubts_of
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import ShardEntry
from infra.shards.sample import Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage, StorageOptions, join
from mfp.engine_settings import EngineSettings
from mfp.modulation import Variant
from mfp.session import SessionLimits


@dataclass(frozen=True)
class LabelJob:
    """One run's settings: small, without credentials, the same for every worker and every model.

    `modulation` None keeps what the model file says. `limits` hold for simulated and for logged clicks. The device in
    `engine` is replaced by the worker's own. Images of more than `working_pixels` are worked on at a reduced size. For
    `driver_commits` see `infra.runs.commit_guard`.
    """

    dataset_url: str
    run_url: str
    storage: StorageOptions
    modulation: Variant | None
    limits: SessionLimits
    engine: EngineSettings
    working_pixels: int = WORKING_PIXELS
    driver_commits: bool = False

    def load(self, model: ModelBytes, device: str) -> LoadedModel:
        """Build a model for a worker. WeightsError if the bytes are no model."""
        return load_model(model, self.modulation, replace(self.engine, device=device))


def build_labeller(job: LabelJob, click_log: ClickLog | None) -> ShardLabeller:
    """Put a labeller together. `click_log` None is the simulated user."""
    storage = Storage(job.storage, endpoint_is_known=True)

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
        objects=ObjectSessions(job.limits, click_log, job.working_pixels),
        read_shard=read,
        run=RunDirectory(job.run_url, storage),
        driver_commits=job.driver_commits,
    )
