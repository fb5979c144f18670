"""Submitted jobs on a real Ray cluster of this machine: a head started with `ray start`, behind its own token."""

from __future__ import annotations

import re
import signal
import subprocess
import tempfile
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import cv2
import numpy as np
import pytest

from infra.storage.options import StorageOptions
from pipelines.jobs.shard import run_shard
from tests.canary import CANARY, files_with_canary
from tests.ray_head import Head, ray_head
from tests.signalled_commands import assert_ended_by, stop_inside
from tests.specs import shard_spec

pytestmark = [pytest.mark.slow, pytest.mark.xdist_group("cluster")]  # which takes long to start
NUM_IMAGES = 8


@pytest.fixture(scope="module")
def head(s3_endpoint: str) -> Iterator[Head]:
    credentials = {
        "AWS_ACCESS_KEY_ID": f"id-{CANARY}",
        "AWS_SECRET_ACCESS_KEY": f"secret-{CANARY}",
        "AWS_SESSION_TOKEN": f"token-{CANARY}",
    }
    # a short path, since Ray makes sockets there
    with (
        tempfile.TemporaryDirectory(prefix="mfp", dir="/tmp", ignore_cleanup_errors=True) as folder,
        ray_head(Path(folder), credentials) as head,
    ):
        yield head


@pytest.fixture
def dataset(tmp_path: Path, s3_bucket: str, s3_endpoint: str) -> str:
    """URL of a data set of bright discs, one to a shard."""
    for folder in ("images", "masks"):
        (tmp_path / "source" / folder).mkdir(parents=True)
    for index in range(NUM_IMAGES):
        rows, columns = np.mgrid[:120, :160]
        disc = (rows - 60) ** 2 + (columns - 80) ** 2 < (20 + index) ** 2
        image = np.where(disc[..., None], 220, 40).astype(np.uint8).repeat(3, axis=2)
        cv2.imwrite(str(tmp_path / "source" / "images" / f"disc-{index:02}.png"), image)
        cv2.imwrite(str(tmp_path / "source" / "masks" / f"disc-{index:02}.png"), disc.astype(np.uint8) * 255)
    url = f"{s3_bucket}/discs"
    run_shard(
        shard_spec(
            str(tmp_path / "source"), url, "folder", samples_per_shard=1, storage=StorageOptions(s3_endpoint)
        )
    )
    return url


def evaluation(dataset: str, run: str, endpoint: str, *more: str) -> list[str]:
    line = f"submit evaluate {dataset} --out {run} --model analytic --zoom-size 224 --storage-endpoint {endpoint}"
    return [*line.split(), *more]


def job_of(submitted: subprocess.CompletedProcess[str]) -> str:
    assert submitted.returncode == 0, submitted.stderr
    assert submitted.stderr == ""
    found = re.match(r"(raysubmit_\w+) submitted", submitted.stdout)
    assert found is not None, submitted.stdout
    return found[1]


def test_a_submitted_evaluation_is_followed_to_its_figures_and_ray_shows_no_credential(
    head: Head, dataset: str, s3_bucket: str, s3_endpoint: str
) -> None:
    run = f"{s3_bucket}/run"
    job = job_of(head.mfp(*evaluation(dataset, run, s3_endpoint, "--max-clicks", "3")))

    log = head.mfp("logs", job, "--follow").stdout  # returns when the job ends
    assert f"evaluate: {NUM_IMAGES}/{NUM_IMAGES} objects" in log
    assert "NoC" in log

    shown = head.wait_for(job, lambda shown: "SUCCEEDED" in shown)
    assert (
        f"{run}: {NUM_IMAGES} of {NUM_IMAGES} shards committed, {NUM_IMAGES} objects, 0 quarantined" in shown
    )
    (line,) = [line for line in head.mfp("jobs").stdout.splitlines() if job in line]
    assert line.split()[1:3] == ["evaluate", "SUCCEEDED"]
    assert line.endswith(run)
    assert head.mfp("logs", job).stdout == log

    jobs, actors = head.get("/api/jobs/"), head.get("/api/v0/actors?detail=true")
    assert "working_dir" in jobs, "the runtime environment of a job is shown here"
    assert "LabelWorker" in actors
    assert "working_dir" in actors, "and that of an actor, which is the same, here"
    assert CANARY not in jobs + actors + log
    assert list(head.folder.rglob("runtime_env*.log"))
    assert not files_with_canary(head.folder)


def test_what_a_stopped_job_had_committed_is_still_counted_and_kept(
    head: Head, dataset: str, s3_bucket: str, s3_endpoint: str
) -> None:
    run = f"{s3_bucket}/run"
    slow = evaluation(dataset, run, s3_endpoint, "--full-curve", "--zoom-size", "896", "--max-clicks", "60")
    job = job_of(head.mfp(*slow))
    head.wait_for(job, lambda shown: " shards committed" in shown and ": 0 of" not in shown)
    stopped = head.mfp("stop", job)
    assert f"job {job}, evaluate: STOPPED" in stopped.stdout

    without_cluster = head.mfp("status", run, "--storage-endpoint", s3_endpoint)
    counted = re.search(rf": (\d+) of {NUM_IMAGES} shards committed, (\d+) objects", without_cluster.stdout)
    assert counted is not None, without_cluster
    assert counted[1] == counted[2]
    assert 0 < int(counted[1]) < NUM_IMAGES


def test_a_job_that_a_person_got_wrong_says_so_in_its_log(
    head: Head, s3_bucket: str, s3_endpoint: str
) -> None:
    job = job_of(head.mfp(*evaluation(f"{s3_bucket}/nothing", f"{s3_bucket}/run", s3_endpoint)))
    log = head.mfp("logs", job, "--follow").stdout
    assert "mfp: no data set at" in log
    assert "Traceback" not in log
    shown = head.wait_for(job, lambda shown: "FAILED" in shown)
    assert "exit code 1; its output: mfp logs" in shown
    assert "nothing written yet" in shown


def test_the_cluster_is_closed_to_who_has_no_token_and_unknown_jobs_are_named(head: Head) -> None:
    unknown = head.mfp("status", "raysubmit_nothing")
    assert (unknown.returncode, unknown.stdout) == (1, "")
    assert (
        unknown.stderr
        == "mfp: the cluster knows no job 'raysubmit_nothing': `mfp jobs` lists those it knows\n"
    )

    stranger = replace(head, environment={**head.environment, "RAY_AUTH_MODE": "disabled"})
    refused = stranger.mfp("jobs")
    assert refused.returncode == 1
    (message,) = refused.stderr.splitlines()
    assert "lets nobody in without its token" in message


def test_a_submitted_training_is_followed_to_its_model(
    head: Head, dataset: str, s3_bucket: str, s3_endpoint: str
) -> None:
    run = f"{s3_bucket}/training"
    line = (
        f"submit train {dataset}:1 --out {run} --steps 3 --batch-size 2 --crop-size 64 --checkpoint-every 2"
    )
    more = f"--loader-workers 1 --validate-every 2 --device cpu --storage-endpoint {s3_endpoint}"
    job = job_of(head.mfp(*line.split(), *more.split()))
    log = head.mfp("logs", job, "--follow").stdout
    assert f"3 steps: the model is {run}/models/00000003.safetensors" in log
    shown = head.wait_for(job, lambda shown: "SUCCEEDED" in shown)
    assert f"{run}: 3 of 3 steps, loss" in shown
    without_cluster = head.mfp("status", run, "--storage-endpoint", s3_endpoint)
    assert f"{run}: 3 of 3 steps, loss" in without_cluster.stdout


def test_a_log_that_is_followed_can_be_left_and_the_job_goes_on(
    head: Head, dataset: str, s3_bucket: str, s3_endpoint: str
) -> None:
    slow = ("--full-curve", "--zoom-size", "896", "--max-clicks", "60")
    job = job_of(head.mfp(*evaluation(dataset, f"{s3_bucket}/run", s3_endpoint, *slow)))
    for number in (signal.SIGTERM, signal.SIGINT):
        follow = ("logs", job, "--follow")
        assert_ended_by(number, stop_inside("select", number, follow, environment=head.environment))
    assert "RUNNING" in head.wait_for(job, lambda shown: "PENDING" not in shown)
    assert "STOPPED" in head.mfp("stop", job).stdout
