"""The pool on a real local Ray: room that is missing, room that comes up later, storage and workers that fail."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from actors.click_models.model_ref import Formula, ModelRef
from actors.errors import ClusterError
from actors.labelling.given import Given
from actors.labelling.hand_out import Assignment
from actors.labelling.job import LabelJob
from actors.labelling.model_feed import FixedModel
from actors.labelling.worker import WorkerInfo, WorkerResources
from actors.labelling.worker_pool import PoolSize, WorkerPool
from actors.ray_session import Cluster
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest
from infra.storage.files import Storage
from tests.actors.broken_jobs import DeadlySample, GpuFailsOnce
from tests.actors.shapes import LIMITS, ZOOM_SIZE, labeller, reader_of, rows_of, write_shapes
from tests.actors.waiting_job import WaitsBeforeItsEnd
from tests.infra.requests import asked
from tests.shared_ray import SharedRay
from tests.specs import label_spec

STORAGE = Storage()


@pytest.fixture
def cluster(ray_cluster: None, shared_ray: SharedRay) -> Cluster:
    return shared_ray.cluster()


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
    run.open(asked())
    return LabelJob(
        label_spec(
            manifest.url,
            run.url,
            "analytic",
            max_clicks=LIMITS.max_clicks,
            target_iou=LIMITS.target_iou,
            zoom_size=ZOOM_SIZE,
        ),
        manifest.url,
    )


def pool(
    work: LabelJob, size: PoolSize, resources: WorkerResources, start_seconds: float = 300.0
) -> WorkerPool:
    return WorkerPool(
        work,
        size,
        resources,
        models=FixedModel(ModelRef("analytic", "analytic", Formula())),
        given=Given(),
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
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=20, samples_per_shard=1)
    half = cluster.num_cpus / 2
    may_end = tmp_path / "may-end"
    # enough passes for the first shards; the others are still there when the second worker is up
    work = WaitsBeforeItsEnd(**vars(job(manifest, tmp_path / "run")), num_passes=40, may_end=may_end)
    with pool(work, PoolSize(1, 2), WorkerResources(num_cpus=half)) as workers:
        events = workers.run(list(manifest.shards))
        with occupied(half):
            first = next(event for event in events if event.finished is not None)
            assert first.num_ready == 1
        next(event for event in events if event.num_ready == 2)
        may_end.touch()
        for _ in events:
            pass
    assert len(RunDirectory(work.spec.out, STORAGE).committed()) == 20


def set_aside_and_rows(workers: WorkerPool, manifest: DatasetManifest, run_url: str) -> tuple[Any, Any]:
    """Do all shards; those that were set aside, and the rows of the run."""
    set_aside = [shard for event in workers.run(list(manifest.shards)) for shard in event.set_aside]
    return set_aside, rows_of(RunDirectory(run_url, STORAGE))


def undisturbed(manifest: DatasetManifest, folder: Path) -> dict[str, list[dict[str, object]]]:
    """The rows of the data set, made in this process without Ray."""
    run = RunDirectory(str(folder), STORAGE)
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers have
    shards = labeller(run, reader_of(manifest, STORAGE))
    for shard in manifest.shards:
        shards.label(Assignment(shard, "1"))
    shards.close()
    torch.set_num_threads(num_threads)
    return rows_of(run)


def test_a_shard_that_storage_does_not_give_is_set_aside_with_the_reason(
    cluster: Cluster, tmp_path: Path
) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=3, samples_per_shard=1)
    missing = manifest.shards[1].name
    (tmp_path / "data" / missing).unlink()
    work = job(manifest, tmp_path / "run")
    with pool(work, PoolSize(1, 1), WorkerResources(num_cpus=0.25)) as workers:
        (set_aside,), _ = set_aside_and_rows(workers, manifest, work.spec.out)
    assert (set_aside.shard, set_aside.tries) == (missing, 3)
    assert set_aside.reason == f"cannot read {tmp_path}/data/{missing}: there is no such file"
    assert set(RunDirectory(work.spec.out, STORAGE).committed()) == {
        shard.name for shard in manifest.shards if shard.name != missing
    }


def test_a_worker_whose_gpu_fails_leaves_its_process_and_the_rows_are_those_of_an_undisturbed_run(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "actors.labelling.worker_pool")
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=8, samples_per_shard=2)
    note = tmp_path / "pid"
    work = GpuFailsOnce(**vars(job(manifest, tmp_path / "run")), note=note)
    with pool(work, PoolSize(1, 1), WorkerResources(num_cpus=0.25)) as workers:
        set_aside, rows = set_aside_and_rows(workers, manifest, work.spec.out)
    assert set_aside == []
    assert rows == undisturbed(manifest, tmp_path / "undisturbed")
    arguments = [arg for record in caplog.records if isinstance(record.args, tuple) for arg in record.args]
    pids = [arg.pid for arg in arguments if isinstance(arg, WorkerInfo)]
    assert int(note.read_text()) == pids[0]
    assert len(pids) == len(set(pids)) == 2
    with pytest.raises(ProcessLookupError):
        os.kill(pids[0], 0)
    attempts = {
        record.attempt.split("_")[0] for record in RunDirectory(work.spec.out, STORAGE).committed().values()
    }
    assert attempts == {"1", "2"}
    assert "the GPU failed in shard" in caplog.text


def test_a_shard_that_kills_its_workers_is_set_aside_and_the_one_beside_it_is_not(
    cluster: Cluster, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=4, samples_per_shard=1)
    work = DeadlySample(**vars(job(manifest, tmp_path / "run")), sample_key="folder/shape-001")
    with pool(work, PoolSize(1, 1), WorkerResources(num_cpus=0.25)) as workers:
        (set_aside,), rows = set_aside_and_rows(workers, manifest, work.spec.out)
    assert set_aside.shard == manifest.shards[1].name
    assert set_aside.reason.startswith("its worker died")
    losses = [record for record in caplog.records if "is lost" in record.getMessage()]
    assert len(losses) == 3, "once a loss, however long Ray takes to have the worker back"
    expected = undisturbed(manifest, tmp_path / "undisturbed")
    assert rows == {
        table: [row for row in rows if row["sample_key"] != "folder/shape-001"]
        for table, rows in expected.items()
    }
