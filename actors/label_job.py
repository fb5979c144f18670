"""What all workers of a labelling run are told, and how one of them is put together from it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from actors.object_sessions import ObjectSessions
from actors.shard_labeller import ShardLabeller
from infra.click_log import ClickLog
from infra.manifest import ShardEntry
from infra.run_directory import RunDirectory
from infra.sample_document import ShardItem
from infra.shard_reader import read_shard
from infra.storage import Storage, StorageOptions, join
from mfp.engine import Engine, EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.modulation import Variant
from mfp.network import ClickNetwork
from mfp.session import SessionLimits


@dataclass(frozen=True)
class LabelJob:
    """One run's settings: small, without credentials, the same for every worker.

    `modulation` None keeps what the model file says. `limits` hold for simulated clicks. The device in `engine`
    is replaced by the worker's own.
    """

    dataset_url: str
    run_url: str
    storage: StorageOptions
    model_id: str
    modulation: Variant | None
    limits: SessionLimits
    engine: EngineSettings


def build_labeller(
    job: LabelJob, device: str, model: bytes | None, click_log: ClickLog | None
) -> ShardLabeller:
    """Put a labeller together. `model` None is the analytic click model, `click_log` None the simulated user.

    Raises:
        WeightsError: the bytes are no model.

    """
    storage = Storage(job.storage)

    def read(shard: ShardEntry) -> Iterator[ShardItem]:
        return read_shard(storage, join(job.dataset_url, shard.name), shard)

    return ShardLabeller(
        engine=Engine(load_network(model, job.modulation), replace(job.engine, device=device)),
        objects=ObjectSessions(job.limits, click_log),
        read_shard=read,
        run=RunDirectory(job.run_url, storage),
        model_id=job.model_id,
    )


def load_network(model: bytes | None, modulation: Variant | None) -> ClickNetwork:
    """The network in a model file, shown clicks as the run wants it."""
    network = AnalyticClickModel() if model is None else _read_model(model)
    if modulation is not None:
        settings = network.click_settings
        network.click_settings = replace(
            settings, modulation=replace(settings.modulation, variant=modulation)
        )
    return network


def _read_model(data: bytes) -> ClickNetwork:
    # timm takes as long to import as everything else in a worker; the analytic model does without
    from mfp.model_file import model_from_bytes

    return model_from_bytes(data).network
