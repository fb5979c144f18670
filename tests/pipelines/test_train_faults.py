"""Training on S3 with two workers that are killed, and a driver that is: what comes out is what would have."""

from __future__ import annotations

import io
import os
import pickle
import signal
import subprocess
import sys
import time
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from actors.ray_session import ray_session
from infra.published_models import newest
from infra.shard_writer import write_dataset
from infra.storage import Storage, join
from infra.training_progress import TrainingProgress, read_progress
from pipelines.options import TrainOptions, Workers
from pipelines.train import run_train
from tests.training_jobs import NUM_SAMPLES, SMALL, bright_object

pytestmark = pytest.mark.slow

STEPS = 24
CHECKPOINT_EVERY = 8


def _options(bucket: str, run: str) -> TrainOptions:
    return TrainOptions(
        datasets=(f"{bucket}/dataset",),
        out=f"{bucket}/{run}",
        checkpoint_every=CHECKPOINT_EVERY,
        num_loader_workers=0,
        device="cpu",
        workers=Workers(2, 2, 1.0),
        **{**SMALL, "steps": STEPS},
    )


def _log(storage: Storage, run: str) -> pa.Table:
    """Of every step: what a batch, its draws and the weights decide."""
    tables = [pq.read_table(io.BytesIO(storage.read_bytes(url))) for url in storage.list(join(run, "log"))]
    return pa.concat_tables(tables).select(["step", "loss", "iou", "num_rounds", "gradient_norm"])


def _training_processes() -> list[int]:
    """Ray Train's workers on this machine that this process started, by what Ray calls them."""
    shown = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    workers = [int(line.split()[0]) for line in shown.splitlines() if "ray::RayTrainWorker" in line]
    return [pid for pid in workers if os.getpid() in _ancestors(pid)]


def _ancestors(pid: int) -> list[int]:
    found = []
    while pid > 1:
        try:
            pid = int(Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[1])
        except OSError:
            break
        found.append(pid)
    return found


def test_a_run_on_s3_survives_a_killed_worker_and_a_killed_driver(s3_bucket: str, s3_endpoint: str) -> None:
    storage = Storage()
    samples = (bright_object(index) for index in range(NUM_SAMPLES))
    write_dataset(samples, f"{s3_bucket}/dataset", storage, samples_per_shard=5)
    with ray_session(None):
        run_train(_options(s3_bucket, "undisturbed"))
        expected = _log(storage, f"{s3_bucket}/undisturbed")
        assert expected.column("step").to_pylist() == list(range(1, STEPS + 1))

        killed: list[int] = []

        def kill_one(progress: TrainingProgress) -> None:
            if not killed and progress.step > CHECKPOINT_EVERY:
                killed.append(_training_processes()[-1])
                os.kill(killed[0], signal.SIGKILL)

        run_train(_options(s3_bucket, "worker-killed"), kill_one)
        assert killed
        assert _log(storage, f"{s3_bucket}/worker-killed").equals(expected)

    _kill_a_driver(s3_bucket, storage)
    with ray_session(None):
        run_train(_options(s3_bucket, "driver-killed"))
    assert _log(storage, f"{s3_bucket}/driver-killed").equals(expected)
    published = [newest(storage, f"{s3_bucket}/{run}") for run in ("undisturbed", "driver-killed")]
    assert published[0] is not None
    assert published[1] is not None
    assert published[0].model_id == published[1].model_id


def _kill_a_driver(bucket: str, storage: Storage) -> None:
    """Start the same run in a process of its own, and kill that once it has got past a checkpoint."""
    options = _options(bucket, "driver-killed")
    code = (
        "import pickle, sys; from pipelines.train import run_train; run_train(pickle.load(sys.stdin.buffer))"
    )
    driver = subprocess.Popen([sys.executable, "-c", code], stdin=subprocess.PIPE, stderr=subprocess.PIPE)
    assert driver.stdin is not None
    driver.stdin.write(pickle.dumps(options))
    driver.stdin.close()
    try:
        for _ in range(600):
            progress = read_progress(options.out, storage)
            if progress is not None and progress.step > CHECKPOINT_EVERY:
                break
            assert driver.poll() is None, driver.stderr and driver.stderr.read()
            time.sleep(0.2)
        else:
            raise AssertionError("the run did not get going")
    finally:
        driver.kill()
        driver.wait()
