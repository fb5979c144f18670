"""Every benchmark on a tiny size: its figures are there, and positive."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import ray
import torch
from torch import Tensor

from actors.specs.bench import BenchName, BenchSpec
from infra.storage.files import Storage
from mfp.engine_settings import BackendName, EngineSettings
from mfp.models.lite0 import Lite0
from pipelines.benchmarks.engine import WatchedEngine
from pipelines.benchmarks.processes import WorkProcesses
from pipelines.benchmarks.registry import BENCHES
from pipelines.benchmarks.result import BenchResult
from pipelines.benchmarks.run import run_bench
from pipelines.benchmarks.sequential import Share, can_pin, prepare_pinned_engine
from pipelines.benchmarks.subject import find_benched_model, samples_of, sessions_on
from pipelines.errors import OptionError
from tests.pipelines.commands.replaced_jobs import mfp

STORAGE = Storage()
# pycocotools decodes in a way that NumPy 2 warns of: one reason why this project does not
PYCOCOTOOLS = pytest.mark.filterwarnings("ignore:__array__ implementation:DeprecationWarning")


@pytest.fixture
def joined_ray(ray_cluster: None, monkeypatch: pytest.MonkeyPatch) -> None:
    """Commands that a test runs join the Ray of the tests."""
    monkeypatch.setenv("RAY_ADDRESS", ray.get_runtime_context().gcs_address)


def measured(name: BenchName, tmp_path: Path, **settings: Any) -> BenchResult:
    spec = BenchSpec(
        name=name, objects=2, clicks=2, repeats=1, threads=1, out=str(tmp_path / "figures.json"), **settings
    )
    result = run_bench(spec)
    assert json.loads((tmp_path / "figures.json").read_text()) == result.to_json()
    assert all(line.milliseconds > 0 and line.ratio.lowest > 0 for line in result.lines)
    assert all(len(of_way) == 1 and of_way[0] > 0 for of_way in result.seconds.values())
    assert len(result.seconds) == len(result.lines)
    return result


def facts(result: BenchResult) -> dict[str, float]:
    found = {fact.what: fact.value for fact in result.facts}
    assert all(math.isfinite(value) for value in found.values())
    return found


@pytest.mark.usefixtures("same_threads")
@pytest.mark.parametrize("backend", ["torch", "onnxruntime"])
def test_the_engine_beside_its_own_passes(tmp_path: Path, backend: BackendName) -> None:
    result = measured("engine", tmp_path, network=EngineSettings(backend=backend))
    assert [line.what for line in result.lines] == [f"engine by {backend}", "its passes, replayed"]
    found = facts(result)
    assert found["clicks"] == 4
    passes, layers = (
        found[f"1 process x 1 thread: engine's time in {what}"] for what in ("passes", "layers")
    )
    assert 0.3 < layers < passes < 1
    rate, limit = (
        found[f"1 process x 1 thread: arithmetic of {what}"]
        for what in ("the layers", "a large float32 convolution")
    )
    assert 0.002 < rate / limit < 20, "of the same order, on a machine that does other work too"


def test_passes_are_replayed_in_the_precision_of_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    found: list[torch.dtype] = []
    forward = Lite0.forward

    def watched(network: Lite0, *inputs: Tensor) -> Tensor:
        logits = forward(network, *inputs)
        found.append(logits.dtype)
        return logits

    monkeypatch.setattr(Lite0, "forward", watched)
    spec = BenchSpec(name="engine", objects=1, clicks=1)
    engine = WatchedEngine(
        find_benched_model(spec.model, STORAGE), EngineSettings(precision="bf16", backend="torch")
    )
    engine.run_watched(sessions_on(samples_of(spec, STORAGE), 1, 1), keep_batches=True)
    in_run = list(found)
    found.clear()
    engine.replay()
    assert found == in_run == [torch.bfloat16] * len(in_run)


def test_the_engine_beside_the_loop_of_the_field(tmp_path: Path) -> None:
    result = measured("sequential", tmp_path, model="vit_tiny", network=EngineSettings(backend="onnxruntime"))
    loop, engine, flips_less = result.lines
    assert [line.what for line in result.lines] == [
        "loop, 1 process x 1 thread",
        "engine by onnxruntime, 1 process x 1 thread",
        "engine by onnxruntime, flip auto, 1 process x 1 thread",
    ]
    assert loop.ratio.median == 1
    assert flips_less.milliseconds > 0
    assert engine.ratio.median == result.seconds[loop.what][0] / result.seconds[engine.what][0]
    found = facts(result)
    assert found[f"objects with the clicks of the loop, {engine.what}"] == 2
    assert found[f"clicks, {engine.what}"] == found[f"clicks, {loop.what}"] == 4
    assert 1 <= found[f"NoC@90, {engine.what}"] == found[f"NoC@90, {loop.what}"] <= 2


def prepare_to_tell_cores(share: Share) -> Callable[[], set[int]]:
    prepare_pinned_engine(share)
    return lambda: os.sched_getaffinity(0)


@pytest.mark.skipif(not can_pin(), reason="this system keeps no process on a core")
def test_a_pinned_engine_stays_on_one_core_and_no_two_on_the_same() -> None:
    spec = BenchSpec(
        name="sequential", model="vit_tiny", clicks=1, objects=2, network=EngineSettings(backend="torch")
    )
    model, samples = find_benched_model(spec.model, STORAGE), samples_of(spec, STORAGE)
    cores = sorted(os.sched_getaffinity(0))
    num_processes = min(2, len(cores))
    shares = [(Share(spec, model, samples, idx, num_processes),) for idx in range(num_processes)]
    with WorkProcesses(prepare_to_tell_cores, shares, 1) as processes:
        processes.run()
        assert processes.results == [{core} for core in cores[:num_processes]]
    assert sorted(os.sched_getaffinity(0)) == cores


@pytest.mark.slow
def test_labelling_through_ray_beside_the_engine(joined_ray: None, s3_bucket: str, tmp_path: Path) -> None:
    result = measured(
        "pipeline",
        tmp_path,
        place=f"{s3_bucket}/bench",
        model="vit_tiny",
        network=EngineSettings(backend="torch"),
    )
    assert [line.what for line in result.lines] == ["engine by torch, 1 process x 1 thread", "mfp label"]
    found = facts(result)
    parts = [value for what, value in found.items() if what.startswith("- ")]
    assert len(parts) == 4
    assert min(parts) > 0
    assert found["command to first commit"] == pytest.approx(sum(parts))
    assert (found["objects in a shard"], found["shards"]) == (2, 2)
    assert list(STORAGE.walk(f"{s3_bucket}/bench")) == []


@pytest.mark.slow
def test_training_through_ray_beside_the_bare_step(joined_ray: None, tmp_path: Path) -> None:
    result = measured("train", tmp_path)
    assert [line.what for line in result.lines] == ["bare step", "mfp train"]
    found = facts(result)
    assert (found["steps that count"], found["crops in a step"]) == (1, 2)
    assert 0 < found["1 process x 1 thread: waiting for data"] < result.lines[1].milliseconds


@PYCOCOTOOLS
def test_pieces_beside_other_libraries(s3_bucket: str, tmp_path: Path) -> None:
    result = measured("pieces", tmp_path, place=f"{s3_bucket}/bench")
    groups = {line.group for line in result.lines}
    assert len(groups) == 8
    for group in groups:
        ours, *others = [line for line in result.lines if line.group == group]
        assert ours.what.startswith("ours")
        assert ours.ratio.median == 1
        assert others
        assert {line.note for line in others} == {"same result"}, group
    missing = [remark for remark in result.remarks if "is not here" in remark]
    assert len(missing) + len(result.lines) == 28
    assert list(STORAGE.walk(f"{s3_bucket}/bench")) == []


@PYCOCOTOOLS
def test_gets_are_left_out_without_a_bucket(tmp_path: Path) -> None:
    result = measured("pieces", tmp_path)
    assert not any("S3" in line.group for line in result.lines)
    assert "gets from S3 were not measured: name a bucket, --at s3://bucket" in result.remarks


def test_models_that_are_no_network_of_ours_are_refused() -> None:
    with pytest.raises(OptionError, match="the loop runs our own networks only"):
        run_bench(BenchSpec(name="sequential", model="analytic"))


def test_there_is_a_benchmark_for_every_name() -> None:
    assert mfp("bench", "engines").exit_code == 2
    help_text = mfp("bench", "--help").output
    assert all(name in help_text for name in BENCHES)
