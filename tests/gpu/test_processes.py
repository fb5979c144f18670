"""Commands with `--device cuda`, workers that share a GPU, and what becomes of a process whose GPU has failed."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from pipelines.benchmarks.photographs import photograph

pytestmark = pytest.mark.gpu

CHECKOUT = Path(__file__).parents[2]
SECONDS = 600

FAILING = """
import torch
from actors.errors import DeviceError
from actors.labelling.worker import LabelWorker, WorkerResources
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from tests.mfp.session_factories import create_sessions

class Failing(AnalyticClickModel):
    def predict(self, batch):
        beyond = torch.full((1,), 10**9, device=batch.image.device)
        return super().predict(batch) + batch.image.flatten()[beyond]

worker = LabelWorker(None, WorkerResources(num_gpus=1.0))
try:
    with worker._device("in shard a.tar"):
        list(Engine(Failing(), EngineSettings(batch_size=4), "cuda").run(create_sessions(3)))
except DeviceError as error:
    print("told:", error, flush=True)
with worker._device("in shard b.tar"):
    print("went on", flush=True)
"""


def python(*arguments: str) -> subprocess.Popen[str]:
    """A process of its own group, in the checkout."""
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=CHECKOUT,
        env=os.environ | {"PYTHONPATH": str(CHECKOUT)},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def mfp(*arguments: str) -> str:
    process = python("-m", "pipelines", *arguments)
    output, _ = process.communicate(timeout=SECONDS)
    assert process.returncode == 0, output
    return output


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    url = str(tmp_path_factory.mktemp("gpu") / "photographs")
    write_dataset((photograph(number) for number in range(48)), url, Storage(), samples_per_shard=6)
    return url


def test_a_process_whose_gpu_has_failed_says_so_and_ends() -> None:
    process = python("-c", FAILING)
    output, _ = process.communicate(timeout=SECONDS)
    assert "told: the GPU failed in shard a.tar: " in output
    assert "went on" not in output
    assert process.returncode == 1


def test_evaluate_and_label_run_on_the_gpu(dataset: str, tmp_path: Path, say: Callable[[str], None]) -> None:
    mfp("evaluate", dataset, "--out", str(tmp_path / "evaluation"), "--model", "lite0", "--device", "cuda")
    report = mfp("report", str(tmp_path / "evaluation"))
    assert "NoC" in report
    say("mfp evaluate --device cuda, lite0 on 48 photographs:\n" + report)
    two = ("--workers", "2", "--gpus-per-worker", "0.5", "--device", "cuda")
    mfp("label", dataset, "--out", str(tmp_path / "labels"), "--model", "lite0", *two)
    assert len(list((tmp_path / "labels" / "commits").iterdir())) == 8


def test_a_run_survives_a_killed_worker_on_a_shared_gpu(dataset: str, tmp_path: Path) -> None:
    """The machine is ours: no other run has workers on it."""
    out = tmp_path / "labels"
    command = python(
        *("-m", "pipelines", "label", dataset, "--out", str(out), "--model", "lite0"),
        *("--workers", "2", "--gpus-per-worker", "0.5", "--device", "cuda"),
    )
    until = time.monotonic() + SECONDS
    while not (out / "commits").is_dir() or not any((out / "commits").iterdir()):
        assert command.poll() is None, command.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.05)
    os.kill(label_workers()[0], signal.SIGKILL)
    output, _ = command.communicate(timeout=SECONDS)
    assert command.returncode == 0, output
    assert len(list((out / "commits").iterdir())) == 8


def label_workers() -> list[int]:
    """Process ids of the labelling actors of this machine, which Ray names after their class."""
    listed = subprocess.run(["ps", "-eo", "pid,args"], capture_output=True, text=True, check=True).stdout
    return [int(line.split()[0]) for line in listed.splitlines() if "ray::LabelWorker" in line]


def test_training_runs_on_the_gpu_and_goes_on_after_a_kill(
    dataset: str, tmp_path: Path, say: Callable[[str], None]
) -> None:
    out = tmp_path / "training"
    options: tuple[str, ...] = (
        "train",
        dataset,
        "--out",
        str(out),
        "--model",
        "lite0",
        "--device",
        "cuda",
        "--batch-size",
        "8",
    )
    options += ("--crop-size", "224", "--precision", "bf16", "--recursion-precision", "bf16")
    options += ("--checkpoint-every", "20", "--steps", "120", "--loader-workers", "2")
    command = python("-m", "pipelines", *options)
    until = time.monotonic() + SECONDS
    while not list(out.glob("checkpoints/*")):
        assert command.poll() is None, command.communicate()[0]
        assert time.monotonic() < until
        time.sleep(0.2)
    os.killpg(command.pid, signal.SIGKILL)
    command.communicate()
    started = time.monotonic()
    mfp(*options)
    seconds = time.monotonic() - started
    say(f"mfp train --device cuda, lite0, bf16, 8 crops of 224: went on to step 120 in {seconds:.0f} s")
    assert json.loads((out / "models" / "latest.json").read_text())["step"] == 120
