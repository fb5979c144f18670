"""The pool on a real local Ray: room that is missing, room that comes up later, storage that fails."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from actors.errors import ClusterError, ShardLostError
from actors.label_job import LabelJob
from actors.label_worker import WorkerResources
from actors.loaded_model import ModelBytes
from actors.model_feed import FixedModel
from actors.ray_session import Cluster, ray_session
from actors.worker_pool import PoolSize, WorkerPool
from infra.manifest import DatasetManifest
from infra.run_directory import RunDirectory
from infra.storage import Storage, StorageOptions
from mfp.engine import EngineSettings
from tests.actors.shapes import LIMITS, ZOOM_SIZE, write_shapes

STORAGE = Storage()


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with ray_session("local") as cluster:
        yield cluster


@contextmanager
def occupied(num_cpus: float) -> Iterator[None]:
    """Somebody else's actor holds that many CPUs."""
    import ray

    class Occupant:
        def is_here(self) -> bool:
            return True

    occupant: Any = ray.remote(Occupant).options(num_cpus=num_cpus).remote()
    assert ray.get(occupant.is_here.remote())
    try:
        yield
    finally:
        ray.kill(occupant)


def job(manifest: DatasetManifest, folder: Path) -> LabelJob:
    run = RunDirectory(str(folder), STORAGE)
    run.open({"test": True})
    return LabelJob(
        dataset_url=manifest.url,
        run_url=run.url,
        storage=StorageOptions(),
        modulation=None,
        limits=LIMITS,
        engine=EngineSettings(zoom_size=ZOOM_SIZE),
    )


def pool(
    work: LabelJob, size: PoolSize, resources: WorkerResources, start_seconds: float = 300.0
) -> WorkerPool:
    return WorkerPool(
        work,
        size,
        resources,
        models=FixedModel(ModelBytes("analytic", None)),
        click_log=None,
        start_seconds=start_seconds,
    )


def test_workers_that_find_no_room_end_the_run_and_say_what_they_need(
    cluster: Cluster, tmp_path: Path
) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2)
    work = job(manifest, tmp_path / "run")
    with (
        occupied(cluster.num_cpus - 0.5),
        pool(work, PoolSize(1, 1), WorkerResources(num_cpus=1), start_seconds=1) as workers,
        pytest.raises(
            ClusterError,
            match=r"0 of 1 workers started within 1 s: each needs 1 CPU, the cluster has 0\.5 CPU and 0 GPU left",
        ),
    ):
        list(workers.run(list(manifest.shards)))


def test_a_pool_grows_when_the_cluster_gets_room(cluster: Cluster, tmp_path: Path) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=400, samples_per_shard=1)
    half = cluster.num_cpus / 2
    with pool(job(manifest, tmp_path / "run"), PoolSize(1, 2), WorkerResources(num_cpus=half)) as workers:
        events = workers.run(list(manifest.shards))
        with occupied(half):
            first = next(event for event in events if event.finished is not None)
            assert first.num_ready == 1
        assert any(event.num_ready == 2 for event in events)


def test_a_shard_that_storage_does_not_give_is_tried_again_and_then_named(
    cluster: Cluster, tmp_path: Path
) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2, samples_per_shard=1)
    (tmp_path / "data" / manifest.shards[1].name).unlink()
    work = job(manifest, tmp_path / "run")
    with (
        pool(work, PoolSize(1, 1), WorkerResources(num_cpus=0.25)) as workers,
        pytest.raises(
            ShardLostError, match=rf"{manifest.shards[1].name} failed 3 times, the last time because"
        ),
    ):
        list(workers.run(list(manifest.shards)))
