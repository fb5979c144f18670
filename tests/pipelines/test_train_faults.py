"""Training on S3 with two workers that are killed, and a driver that is: what comes out is what would have."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.specs.train import TrainSpec
from infra.published_models import newest
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage, join
from infra.training_progress import read_progress
from pipelines.jobs.train import plan_training, run_train
from tests.actors.two_workers import run_in_two_workers
from tests.process_tree import ancestors
from tests.shared_ray import SharedRay
from tests.specs import train_spec
from tests.training_jobs import NUM_SAMPLES, SMALL, bright_object, train_to_the_end
from tests.waiting import wait_until

pytestmark = pytest.mark.slow

STEPS = 32
CHECKPOINT_EVERY = 4


def _options(bucket: str, run: str) -> TrainSpec:
    return train_spec(
        datasets=(f"{bucket}/dataset",),
        out=f"{bucket}/{run}",
        checkpoint_every=CHECKPOINT_EVERY,
        loader_workers=0,
        device="cpu",
        workers="2",
        cpus_per_worker=1.0,
        **{**SMALL, "steps": STEPS},
    )


def _log(storage: Storage, run: str) -> pa.Table:
    """Of every step: what a batch, its draws and the weights decide."""
    tables = [pq.read_table(io.BytesIO(storage.read_bytes(url))) for url in storage.list(join(run, "log"))]
    return pa.concat_tables(tables).select(["step", "loss", "iou", "num_rounds", "gradient_norm"])


def _worker_of(driver: subprocess.Popen[bytes]) -> int:
    """The process of one of the Ray Train workers that a driver has started, by what Ray calls them."""
    shown = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    workers = [int(line.split()[0]) for line in shown.splitlines() if "ray::RayTrainWorker" in line]
    return next(pid for pid in reversed(workers) if driver.pid in ancestors(pid))


def _start_driver(options: TrainSpec, log: Path) -> subprocess.Popen[bytes]:
    """The run in a process of its own."""
    code = "import pickle, sys; from pipelines.jobs.train import run_train; run_train(pickle.load(sys.stdin.buffer))"
    with log.open("wb") as stream:
        driver = subprocess.Popen(
            [sys.executable, "-c", code],
            stdin=subprocess.PIPE,
            stdout=stream,
            stderr=subprocess.STDOUT,
            start_new_session=True,  # what ends with it ends apart from the tests
        )
    assert driver.stdin is not None
    driver.stdin.write(pickle.dumps(options))
    driver.stdin.close()
    return driver


def _wait_for_step(step: int, run: str, storage: Storage, driver: subprocess.Popen[bytes], log: Path) -> None:
    def is_there() -> bool:
        progress = read_progress(run, storage)
        if progress is None or progress.step < step:
            return False
        assert progress.step < STEPS, "it was over before it could be killed"
        return True

    def check_alive() -> None:
        assert driver.poll() is None, log.read_text()

    wait_until(is_there, check_alive)


def test_a_run_on_s3_survives_a_killed_worker_and_a_killed_driver(
    s3_bucket: str, shared_ray: SharedRay, tmp_path: Path
) -> None:
    storage, log = Storage(), tmp_path / "driver.log"
    samples = (bright_object(index) for index in range(NUM_SAMPLES))
    write_dataset(samples, f"{s3_bucket}/dataset", storage, samples_per_shard=5)
    undisturbed, disturbed = _options(s3_bucket, "undisturbed"), _options(s3_bucket, "disturbed")

    driver = _start_driver(disturbed, log)
    try:
        _wait_for_step(CHECKPOINT_EVERY, disturbed.out, storage, driver, log)
        os.kill(_worker_of(driver), signal.SIGKILL)
        _wait_for_step(2 * CHECKPOINT_EVERY, disturbed.out, storage, driver, log)
    finally:
        driver.kill()
        driver.wait()

    shared_ray.cluster()
    run_train(disturbed)
    planned = plan_training(undisturbed)
    planned.begin()
    run_in_two_workers(train_to_the_end, tmp_path, planned.job)  # the same loop, without Ray
    expected = _log(storage, undisturbed.out)
    assert expected.column("step").to_pylist() == list(range(1, STEPS + 1))
    assert _log(storage, disturbed.out).equals(expected)
    published = [newest(storage, run) for run in (undisturbed.out, disturbed.out)]
    assert published[0] is not None
    assert published[1] is not None
    assert published[0].model_id == published[1].model_id
