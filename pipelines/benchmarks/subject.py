"""What a benchmark works with: a model by its name, and objects to click."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice
from typing import TypeAlias

import torch

from actors.click_models.model_ref import ModelRef, Weights
from actors.labelling.object_sessions import ObjectKey, ObjectSessions
from actors.labelling.worker import WorkerResources
from actors.specs.bench import BenchSpec
from actors.specs.model import ModelChoice
from infra.shards.manifest import load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage, join
from mfp.model_file import model_id_of, model_to_bytes
from mfp.models.registry import TRAINABLE, NetworkConfig, build_network
from mfp.models.vit import ViTConfig
from mfp.session import Session, SessionLimits
from pipelines.benchmarks.machine import device_of
from pipelines.benchmarks.photographs import photograph
from pipelines.errors import OptionError
from pipelines.inputs.backend_choice import choose_backend
from pipelines.inputs.model_names import shipped_models
from pipelines.inputs.model_source import find_model

_RANDOM_WEIGHTS = {name: entry.config for name, entry in TRAINABLE.items()} | {
    "vit_tiny": ViTConfig(
        width=48, depth=4, num_heads=3, input_size=224, pyramid_widths=(8, 16, 32, 64), head_width=256
    )
}


ObjectName: TypeAlias = tuple[str, str]
"""Sample key and object id."""


def find_benched_model(name: str, storage: Storage) -> ModelRef:
    """A model that ships or that a file holds, or a network with random weights, always the same ones.

    Raises:
        ModelError, WeightsError, StorageError: there is none of that name.

    """
    if name in _RANDOM_WEIGHTS and name not in shipped_models():
        return _with_random_weights(name, _RANDOM_WEIGHTS[name])
    return find_model(ModelChoice(name).resolved(), storage)


def _with_random_weights(name: str, config: NetworkConfig) -> ModelRef:
    with torch.random.fork_rng():
        torch.manual_seed(0)
        network = build_network(config)
    data = model_to_bytes(config, network.state_dict(), {})
    return ModelRef(name, model_id_of(data), Weights(data))


def on_fastest_backend(spec: BenchSpec, model: ModelRef) -> BenchSpec:
    """The specification with `auto` settled as a labelling run would with workers of one core.

    Raises:
        OptionError: the backend that it names is not installed, or does not run on the device.

    """
    workers = WorkerResources(1.0, 1.0 if device_of(spec) == "cuda" else 0.0)
    backend = choose_backend(spec.network, model, workers, run_url="", recorded=None).name
    return replace(spec, network=replace(spec.network, backend=backend))


def samples_of(spec: BenchSpec, storage: Storage) -> tuple[Sample, ...]:
    """Samples with the first objects of the data set that the specification names, or made-up ones, one object each.

    Raises:
        DatasetError, StorageError: there is no such data set.
        OptionError: it has too few objects.

    """
    if spec.dataset is None:
        return tuple(photograph(number) for number in range(spec.objects))
    samples: list[Sample] = []
    num_left = spec.objects
    for sample in _samples_in(spec.dataset, storage):
        samples.append(sample)
        num_left -= len(sample.objects)
        if num_left <= 0:
            return tuple(samples)
    raise OptionError(
        f"--objects {spec.objects}: {spec.dataset} has {spec.objects - num_left}; ask for fewer"
    )


def _samples_in(url: str, storage: Storage) -> Iterator[Sample]:
    manifest = load_manifest(storage, url)
    for shard in manifest.shards:
        for item in read_shard(storage, join(manifest.url, shard.name), shard):
            if isinstance(item, Sample) and item.objects:
                yield item


def sessions_on(samples: tuple[Sample, ...], num_objects: int, num_clicks: int) -> list[Session]:
    """Sessions on the first objects, clicked by the protocol's user so many times whatever the IoU."""
    objects = ObjectSessions(SessionLimits(max_clicks=num_clicks, target_iou=None))
    opened = (
        session
        for sample in samples
        for session in objects.open("bench", objects.decode(sample))
        if isinstance(session, Session)
    )
    return list(islice(opened, num_objects))


def name_of(session: Session) -> ObjectName:
    """Which object a session of `sessions_on` is about."""
    assert isinstance(session.key, ObjectKey), "every session was opened here"
    return session.key.sample_key, session.key.object_id
