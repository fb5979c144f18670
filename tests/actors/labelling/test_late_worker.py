"""A worker that stood still while its shard was given to another, on a real Ray: it comes back and commits nothing."""

from __future__ import annotations

import os
import signal
from pathlib import Path
from typing import Any

import pytest

from actors.click_models.model_ref import Formula, ModelRef
from actors.labelling.given import Given
from actors.labelling.hand_out import Assignment
from actors.labelling.job import LabelJob
from actors.labelling.shard_labeller import ShardSummary
from actors.labelling.worker import LabelWorker, Stored, WorkerInfo, WorkerResources, store
from infra.runs.commit import CommitOutcome
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from tests.actors.shapes import LIMITS, ZOOM_SIZE, write_shapes
from tests.specs import label_spec
from tests.waiting import wait_until

STORAGE = Storage()
NUM_SAMPLES = 60


def started_worker(job: LabelJob, model: Stored) -> tuple[Any, WorkerInfo]:
    import ray

    actor: Any = ray.remote(LabelWorker).options(num_cpus=0.5, max_concurrency=4)
    worker: Any = actor.remote(job, WorkerResources(num_cpus=0.5))
    info: WorkerInfo = ray.get(worker.start.remote(model, Given()))
    return worker, info


@pytest.mark.parametrize("driver_commits", [False, True])
def test_a_worker_that_comes_back_late_commits_nothing(
    ray_cluster: None, tmp_path: Path, driver_commits: bool
) -> None:
    import ray

    manifest = write_shapes(
        str(tmp_path / "data"), STORAGE, num_samples=NUM_SAMPLES, samples_per_shard=NUM_SAMPLES
    )
    run = RunDirectory(str(tmp_path / "run"), STORAGE)
    job = LabelJob(
        label_spec(
            manifest.url,
            run.url,
            "analytic",
            max_clicks=LIMITS.max_clicks,
            target_iou=LIMITS.target_iou,
            zoom_size=ZOOM_SIZE,
        ),
        manifest.url,
        driver_commits,
    )
    model = store(ModelRef("analytic", "analytic", Formula()))
    (late, where), (other, _) = (started_worker(job, model) for _ in range(2))
    try:
        first = late.label.remote(Assignment(manifest.shards[0], "1_late"), model)
        wait_until(lambda: any(counts.objects for counts in ray.get(late.counts.remote()).values()))
        os.kill(where.pid, signal.SIGSTOP)
        done: ShardSummary = ray.get(other.label.remote(Assignment(manifest.shards[0], "2_other"), model))
        if driver_commits:
            assert done.outcome is CommitOutcome.PENDING
            assert run.committed() == {}, "until the driver puts the record"
            assert run.put(done.record) is CommitOutcome.COMMITTED
        before = run.record_of(done.shard), run.read_masks()
        os.kill(where.pid, signal.SIGCONT)
        came_late: ShardSummary = ray.get(first)
    finally:
        os.kill(where.pid, signal.SIGCONT)
        ray.kill(late)
        ray.kill(other)
    assert came_late.outcome is (CommitOutcome.PENDING if driver_commits else CommitOutcome.LOST)
    assert (run.record_of(done.shard), run.read_masks()) == before
    run.delete_orphans()
    assert [record.attempt for record in run.committed().values()] == ["2_other"]
    assert len(STORAGE.list(f"{run.url}/masks")) == 1
