"""A run that is interrupted or pre-empted ends within seconds, in one line, and goes on where it stopped; after one
that is killed nobody goes on writing.

A signal is sent while the command is known to be inside a wait, each time to the same command: first told to stop again
and again, it then comes to its end.
"""

from __future__ import annotations

import signal
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from infra.published_models import newest
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import load_manifest
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from tests.actors.shapes import rows_of, shape_sample, write_shapes
from tests.infra.layouts.sources import image_file, mask_file
from tests.process_tree import descendants, is_running, title
from tests.signalled_commands import (
    AGENTS,
    SECONDS_TO_NOTICE,
    assert_ended_by,
    start_mfp,
    stop_inside,
)
from tests.training_jobs import write_bright_objects
from tests.waiting import HANGS, wait_until

STORAGE = Storage()
NUM_SHARDS = 20
SECONDS_OF_SILENCE = 3  # a worker at work commits a shard every second or faster
NUM_PHOTOGRAPHS = 60
SIZES = ("--zoom-size", "160", "--max-clicks", "8")


@pytest.fixture
def temporary_files(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Where the commands make their temporary files; a short path, since Ray makes sockets there."""
    with tempfile.TemporaryDirectory(prefix="mfp", dir="/tmp", ignore_cleanup_errors=True) as folder:
        monkeypatch.setenv("TMPDIR", folder)
        monkeypatch.setenv("RAY_TMPDIR", folder)
        for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN_PATH"):
            monkeypatch.delenv(name, raising=False)  # the run makes a token of its own
        yield Path(folder)


def left_behind(temporary_files: Path) -> list[Path]:
    """Files of the command; the folder of a worker that ended with its Ray goes when the next worker makes one."""
    return [path for path in temporary_files.glob("mfp-*") if not path.name.startswith("mfp-scratch-")]


def write_photographs(folder: Path) -> str:
    """A source of the layout `folder`, large enough to take a while."""
    for index in range(NUM_PHOTOGRAPHS):
        image_file(folder / f"images/{index:03d}.png", 600, 800)
        mask_file(folder / f"masks/{index:03d}.png", np.eye(600, 800) * 255)
    return str(folder)


def finish(*arguments: str) -> str:
    """Give the command once more and let it come to its end; what it prints."""
    process = start_mfp(*arguments)
    output, errors = process.communicate(timeout=HANGS)
    assert process.returncode == 0, errors
    return output


@pytest.mark.slow
def test_labelling_that_is_stopped_says_how_to_go_on_and_goes_on(
    tmp_path: Path, temporary_files: Path
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    run = RunDirectory(str(tmp_path / "run"), STORAGE)
    command = ("label", str(tmp_path / "data"), "--out", run.url, "--model", "analytic", *SIZES)
    for call, number in (
        ("ray.init", signal.SIGINT),
        ("ray.init", signal.SIGTERM),
        ("ray.wait", signal.SIGTERM),  # for the workers to start
    ):
        assert_ended_by(number, stop_inside(call, number, command))
    num_before = 0
    for number in (signal.SIGTERM, signal.SIGINT):  # shards are under way
        assert_ended_by(
            number, stop_inside("ray.wait", number, command, f"{run.url}/commits/shard-*", num_before + 1)
        )
        num_committed = len(run.committed())
        assert num_before < num_committed < NUM_SHARDS
        num_before = num_committed
    assert left_behind(temporary_files) == []
    assert f"({num_before} of them done before)" in finish(*command)
    assert len(run.committed()) == NUM_SHARDS
    names = [(row["sample_key"], row["object_id"]) for row in rows_of(run)["masks"]]
    assert len(names) == len(set(names))


@pytest.mark.slow
def test_training_that_is_stopped_goes_on_from_its_checkpoint(tmp_path: Path, temporary_files: Path) -> None:
    data, run = write_bright_objects(str(tmp_path / "data")), tmp_path / "run"
    command = (
        *("train", data, "--out", str(run), "--steps", "30", "--checkpoint-every", "5", "--batch-size", "2"),
        *("--crop-size", "64", "--recursion-precision", "fp32", "--loader-workers", "0", "--device", "cpu"),
    )
    for number, after in ((signal.SIGTERM, "/*"), (signal.SIGINT, f"{run}/checkpoints/*5*")):
        assert_ended_by(number, stop_inside("Thread.join", number, command, after))
    assert left_behind(temporary_files) == []
    assert "30 steps: the model is" in finish(*command)
    last = newest(STORAGE, str(run))
    assert last is not None
    assert last.step == 30


@pytest.mark.slow
def test_a_flywheel_that_is_stopped_turns_on(tmp_path: Path, temporary_files: Path) -> None:
    for name, first, last in (("unlabelled", 0, 4), ("seed", 4, 8), ("evaluation", 8, 10)):
        write_dataset((shape_sample(index) for index in range(first, last)), str(tmp_path / name), STORAGE, 1)
    out = tmp_path / "out"
    command = (
        *("flywheel", str(tmp_path / "unlabelled"), "--train-on", str(tmp_path / "seed")),
        *(
            "--evaluation",
            str(tmp_path / "evaluation"),
            "--out",
            str(out),
            "--model",
            "lite0",
            "--rounds",
            "1",
        ),
        *("--max-clicks", "3", "--train-steps", "20", "--checkpoint-every", "10", "--crop-size", "64"),
        *("--batch-size", "2", "--cpus-per-worker", "0.5", "--loader-workers", "0", "--device", "cpu"),
        *("--min-quality", "0", "--flip", "off", "--zoom-size", "96"),
    )
    for call, number, after in (
        ("ray.wait", signal.SIGTERM, f"{out}/round-01/labels/run.json"),  # training goes on beside it
        ("Thread.join", signal.SIGINT, f"{out}/round-01/selection.json"),
    ):
        assert_ended_by(number, stop_inside(call, number, command, after))
    assert left_behind(temporary_files) == []
    assert "evaluation" in finish(*command)
    labels = RunDirectory(str(out / "round-01/labels"), STORAGE)
    assert len(labels.committed()) == len(load_manifest(STORAGE, str(tmp_path / "unlabelled")).shards)


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_sharding_that_is_stopped_leaves_no_data_set_and_begins_again(
    tmp_path: Path, temporary_files: Path, number: signal.Signals
) -> None:
    source, data = write_photographs(tmp_path / "source"), tmp_path / "data"
    command = ("shard", source, str(data), "--layout", "folder", "--samples-per-shard", "2")
    assert_ended_by(number, stop_inside("Future.result", number, command, f"{data}/shard-000001.tar"))
    assert not list(temporary_files.iterdir())
    finish(*command)
    assert load_manifest(STORAGE, str(data)).num_samples == NUM_PHOTOGRAPHS


def test_of_a_killed_driver_no_worker_is_left_and_nothing_is_written_any_more(
    tmp_path: Path, temporary_files: Path
) -> None:
    write_shapes(str(tmp_path / "data"), STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    run = RunDirectory(str(tmp_path / "run"), STORAGE)
    process = start_mfp("label", str(tmp_path / "data"), "--out", run.url, "--model", "analytic", *SIZES)

    def check_alive() -> None:
        assert process.poll() is None, process.communicate()

    wait_until(lambda: any((tmp_path / "run" / "commits").glob("*.json")), check_alive)
    started = descendants(process.pid)
    assert any(title(pid).startswith("ray::LabelWorker") for pid in started), "what the test looks for exists"
    process.kill()
    killed = time.monotonic()
    process.communicate()
    while alive := [title(pid) for pid in started if is_running(pid) and not title(pid).startswith(AGENTS)]:
        assert time.monotonic() - killed < SECONDS_TO_NOTICE, alive
        time.sleep(0.1)
    left = STORAGE.walk_info(run.url)
    time.sleep(SECONDS_OF_SILENCE)
    assert STORAGE.walk_info(run.url) == left
