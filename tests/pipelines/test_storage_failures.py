"""A full disk, a bucket that vanishes and credentials that expire end a command in one line, and nothing is lost."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path

import boto3
import cv2
import numpy as np
import pytest
from typer.testing import CliRunner, Result

from actors.specs.label import LabelSpec
from infra.errors import UnusableStorageError
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from infra.storage.options import StorageOptions
from pipelines.cli import app
from pipelines.errors import persons_error
from pipelines.jobs.label import run_label
from pipelines.progress_report import ProgressReport
from tests.actors.shapes import write_shapes
from tests.expiring_s3 import ExpiringS3, expiring_s3
from tests.specs import changed, label_spec
from tests.training_jobs import write_bright_objects

STORAGE = Storage()
NUM_SHARDS = 12
SMALL_JOB = ("--model", "analytic", "--zoom-size", "64", "--max-clicks", "2", "--cpus-per-worker", "0.5")
SMALL_TRAINING = ("--steps", "2", "--crop-size", "64", "--batch-size", "2", "--loader-workers", "0")


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB."""
    folder = tmp_path / "disk"
    folder.mkdir()
    command = ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", str(folder)]
    if subprocess.run(command, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


def mfp(*args: str) -> Result:
    return CliRunner().invoke(app, list(args))


def line_of(result: Result) -> str:
    """The line that a failed command ends with; what it printed before is its progress."""
    assert result.exit_code == 1, result.output
    *before, line = result.stderr.splitlines()
    assert "Traceback" not in result.output
    assert all(not earlier.startswith("mfp: ") for earlier in before)
    return line


def test_a_run_onto_a_full_disk_ends_in_one_line_and_goes_on_once_there_is_room(
    ray_cluster: None, small_disk: Path, tmp_path: Path
) -> None:
    manifest = write_shapes(str(tmp_path / "data"), STORAGE, num_samples=NUM_SHARDS, samples_per_shard=1)
    command = ("evaluate", manifest.url, "--out", str(small_disk / "run"), *SMALL_JOB)
    line = line_of(mfp(*command))
    assert line.startswith(f"mfp: cannot write {small_disk}/run/")
    assert line.endswith(": the disk is full; make room")
    committed = RunDirectory(str(small_disk / "run"), STORAGE).committed()
    assert 0 < len(committed) < NUM_SHARDS
    subprocess.run(["mount", "-o", "remount,size=16m", str(small_disk)], check=True)
    result = mfp(*command)
    assert result.exit_code == 0, result.output
    told = re.search(rf"in {NUM_SHARDS} shards \((\d+) of them done before\)", result.stdout)
    assert told is not None, result.stdout
    # a worker may have found room for one more after the other one had ended the run
    assert len(committed) <= int(told[1]) < NUM_SHARDS


def test_shards_onto_a_full_disk_end_in_one_line(small_disk: Path, tmp_path: Path) -> None:
    source = tmp_path / "photos"
    write_photographs(source)
    line = line_of(mfp("shard", str(source), str(small_disk / "data"), "--layout", "folder"))
    assert line == f"mfp: cannot write {small_disk}/data/shard-000000.tar: the disk is full; make room"


def test_temporary_files_that_fill_a_disk_end_in_one_line(
    small_disk: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / "photos"
    write_photographs(source)
    monkeypatch.setattr("tempfile.tempdir", str(small_disk))
    line = line_of(mfp("shard", str(source), str(tmp_path / "data"), "--layout", "folder"))
    assert line == f"mfp: cannot write temporary files in {small_disk}: the disk is full; make room"


def test_training_onto_a_full_disk_ends_in_one_line(
    ray_cluster: None, small_disk: Path, tmp_path: Path
) -> None:
    dataset = write_bright_objects(str(tmp_path / "data"))
    line = line_of(
        mfp("train", dataset, "--out", str(small_disk / "run"), *SMALL_TRAINING, "--device", "cpu")
    )
    assert line.startswith(f"mfp: cannot write {small_disk}/run/")
    assert line.endswith(": the disk is full; make room")


@pytest.fixture
def expiring(s3_endpoint: str) -> Iterator[ExpiringS3]:
    with expiring_s3(s3_endpoint) as server:
        yield server


def after_the_first_objects(do: Callable[[], object]) -> Callable[[ProgressReport], None]:
    def on_progress(report: ProgressReport) -> None:
        if report.done and not done:
            done.append(report.done)
            do()

    done: list[int] = []
    return on_progress


def label_options(bucket: str) -> LabelSpec:
    manifest = write_shapes(f"{bucket}/data", STORAGE, num_samples=40, samples_per_shard=1)
    return label_spec(manifest.url, f"{bucket}/run", "analytic", zoom_size=64, max_clicks=2, device="cpu")


def told(error: BaseException) -> str:
    line = persons_error(error)
    assert line is not None
    return line


def test_a_token_that_expires_ends_the_run_in_one_line(
    ray_cluster: None, s3_bucket: str, expiring: ExpiringS3
) -> None:
    options = changed(label_options(s3_bucket), storage=StorageOptions(expiring.url))
    with pytest.raises(UnusableStorageError) as caught:
        run_label(options, after_the_first_objects(expiring.expired.set))
    assert told(caught.value).startswith("cannot ")
    assert "session token has expired" in told(caught.value)
    assert expiring.num_refused < 20, "nobody tries again what cannot work"


@pytest.mark.parametrize(
    "command",
    [
        "evaluate {bucket}/data --out {bucket}/run --model analytic",
        "report {bucket}/run",
        "verify {bucket}/run",
        "shard {bucket}/photos {bucket}/data --layout folder",
        "train {bucket}/data --out {bucket}/training",
        "status {bucket}/run",
    ],
)
def test_a_token_that_has_expired_is_told_by_every_command(
    command: str, s3_bucket: str, expiring: ExpiringS3
) -> None:
    expiring.expired.set()
    line = line_of(mfp(*command.format(bucket=s3_bucket).split(), "--storage-endpoint", expiring.url))
    assert line.startswith("mfp: cannot ")
    assert "session token has expired" in line


def test_a_bucket_that_vanishes_ends_the_run_in_one_line(
    ray_cluster: None, s3_bucket: str, tmp_path: Path
) -> None:
    options = changed(label_options(str(tmp_path)), out=f"{s3_bucket}/run")
    bucket = boto3.resource("s3").Bucket(s3_bucket.removeprefix("s3://"))

    def vanish() -> None:
        for _ in range(100):  # workers write into it meanwhile
            bucket.objects.all().delete()
            try:
                bucket.delete()
            except bucket.meta.client.exceptions.ClientError:
                continue
            return

    with pytest.raises(UnusableStorageError) as caught:
        run_label(options, after_the_first_objects(vanish))
    # a worker whose write failed may look first whether its twin has committed the shard
    assert told(caught.value).startswith((f"cannot write {s3_bucket}/run/", f"cannot read {s3_bucket}/run/"))
    assert told(caught.value).endswith(": there is no such bucket; check the name, or create it")


@pytest.mark.parametrize(
    "command",
    [
        "evaluate {bucket}/data --out {tmp}/run --model analytic",
        "evaluate {tmp}/data --out {bucket}/run --model analytic",
        "shard {tmp}/photos {bucket}/data --layout folder",
        "train {tmp}/data --out {bucket}/training",
        "report {bucket}/run",
    ],
)
def test_a_bucket_that_is_not_there_is_told_by_every_command(
    command: str, s3_endpoint: str, tmp_path: Path
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2)
    write_photographs(tmp_path / "photos", number=1)
    line = line_of(mfp(*command.format(bucket="s3://no-such-bucket", tmp=tmp_path).split()))
    assert line.startswith("mfp: cannot ")
    assert "there is no such bucket" in line


def write_photographs(folder: Path, number: int = 4) -> None:
    """Noise of 200 x 200 pixels, which PNG cannot make smaller: 120 kB each; with masks."""
    rng = np.random.default_rng(0)
    for name in ("images", "masks"):
        (folder / name).mkdir(parents=True)
    mask = np.zeros((200, 200), np.uint8)
    mask[50:150, 50:150] = 255
    for index in range(number):
        image = rng.integers(0, 256, (200, 200, 3), np.uint8)
        cv2.imwrite(str(folder / "images" / f"{index}.png"), image)
        cv2.imwrite(str(folder / "masks" / f"{index}.png"), mask)
