"""`mfp bench pipeline`: `mfp label` through Ray from its storage beside the engine on the same objects in memory."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from statistics import median

from actors.click_models.model_ref import ModelRef
from actors.labelling.worker_pool import HANDED_OUT
from actors.ray_session import CONNECTED, CONNECTING
from actors.specs.bench import BenchSpec
from actors.specs.clicks import Clicks
from actors.specs.label import LabelSpec
from actors.specs.model import ModelChoice
from actors.specs.workers import Workers
from infra.runs.run_directory import RunDirectory
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage, join
from pipelines.benchmarks.machine import cores_of, this_machine
from pipelines.benchmarks.processes import WorkProcesses, shape
from pipelines.benchmarks.result import BenchResult, Fact, Line
from pipelines.benchmarks.sequential import Share, prepare_engine
from pipelines.benchmarks.stamped_command import Stamps, run_stamped
from pipelines.benchmarks.subject import find_benched_model, on_fastest_backend, samples_of
from pipelines.benchmarks.turns import take_turns
from pipelines.benchmarks.workplace import workplace, write_config

_SHARDS_PER_WORKER = 2
_LABEL = "mfp label"
_IMPORTS = """
import sys, time
started = time.perf_counter()
import ray, actors.labelling.worker
imported = time.perf_counter()
from actors.click_models.model_ref import ModelRef, Weights
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
Engine(ModelRef("", "", Weights(open(sys.argv[1], "rb").read())).build(), EngineSettings(device="cpu"))
print(imported - started, time.perf_counter() - imported)
"""


@dataclass(frozen=True)
class LabelledRun:
    """One `mfp label`: seconds of its parts, one after the other, and from the first hand-out to the last commit."""

    imports: float
    ray: float
    workers: float
    first_shard: float
    labelling: float
    after: float

    @property
    def to_first_commit(self) -> float:
        """From the call of the command to the first committed shard."""
        return self.imports + self.ray + self.workers + self.first_shard


def bench_pipeline(spec: BenchSpec) -> BenchResult:
    """Measure both with a worker, or a process, of one thread for each core.

    Raises:
        OptionError, BenchError, MfpError, InfraError: what the specification names is not there, or the command fails.

    """
    machine, storage, cores = this_machine(), Storage(spec.storage), cores_of(spec)
    model = find_benched_model(spec.model, storage)
    spec = on_fastest_backend(spec, model)
    num_shards = _SHARDS_PER_WORKER * cores
    of_all = replace(spec, objects=spec.objects * num_shards)
    samples = samples_of(of_all, storage)
    runs: list[LabelledRun] = []
    with workplace(spec, storage) as place, tempfile.TemporaryDirectory(prefix="mfp-bench-") as notes:
        write_dataset(
            samples, join(place, "dataset"), storage, samples_per_shard=-(-len(samples) // num_shards)
        )
        label = _label_spec(spec, model, place, storage, cores)

        def run_label() -> float:
            runs.append(_run(replace(label, out=join(place, f"run-{len(runs)}")), Path(notes), storage))
            return runs[-1].labelling

        engine = f"engine by {spec.network.backend}, {shape(cores, 1)}"
        shares = [(Share(of_all, model, samples, idx, cores),) for idx in range(cores)]
        with WorkProcesses(prepare_engine, shares, num_threads=1) as processes:
            timings = take_turns({engine: processes.run, _LABEL: run_label}, spec.repeats)
        imports, building = _of_a_worker(model, Path(notes))
    return BenchResult(
        spec=spec,
        machine=machine,
        unit="object",
        ratio="of the engine's time",
        lines=tuple(
            Line("", name, 1000 * timings.median(name) / of_all.objects, timings.ratio(name, engine))
            for name in (engine, _LABEL)
        ),
        facts=(
            Fact("objects in a shard", spec.objects),
            Fact("shards", num_shards),
            Fact("command to first commit", median(run.to_first_commit for run in runs), "s"),
            Fact("- imports, model and data set looked at", median(run.imports for run in runs), "s"),
            Fact("- Ray starts", median(run.ray for run in runs), "s"),
            Fact("- workers start", median(run.workers for run in runs), "s"),
            Fact("- first shard", median(run.first_shard for run in runs), "s"),
            Fact("last commit to the command's end", median(run.after for run in runs), "s"),
            Fact("a worker's imports, in a process alone", imports, "s"),
            Fact("a worker's model, there", building, "s"),
        ),
        seconds=timings.seconds,
    )


def _label_spec(spec: BenchSpec, model: ModelRef, place: str, storage: Storage, workers: int) -> LabelSpec:
    file = join(place, "model.safetensors")
    storage.write_bytes(file, model.weights)
    return LabelSpec(
        dataset=join(place, "dataset"),
        out=place,
        model=ModelChoice(file),
        clicks=Clicks(max_clicks=spec.clicks, target_iou="none"),
        workers=Workers(count=str(workers)),
        network=spec.network,
        storage=spec.storage,
    )


def _run(label: LabelSpec, notes: Path, storage: Storage) -> LabelledRun:
    config = notes / "label.json"
    write_config(config, label)
    stamps = run_stamped(["label", "--config", str(config)], notes)
    commits = [
        record.finished.timestamp() for record in RunDirectory(label.out, storage).committed().values()
    ]
    return _parts(stamps, min(commits), max(commits))


def _parts(stamps: Stamps, first_commit: float, last_commit: float) -> LabelledRun:
    begins, connected = stamps.first(CONNECTING), stamps.first(CONNECTED)
    handed_out = stamps.first(HANDED_OUT)
    return LabelledRun(
        imports=begins - stamps.began,
        ray=connected - begins,
        workers=handed_out - connected,
        first_shard=first_commit - handed_out,
        labelling=last_commit - handed_out,
        after=stamps.ended - last_commit,
    )


def _of_a_worker(model: ModelRef, folder: Path) -> tuple[float, float]:
    """Seconds that a worker's imports take, and its model: they are a part of a worker's start."""
    file = folder / "model.safetensors"
    file.write_bytes(model.weights)
    environment = os.environ | {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
    command = [sys.executable, "-c", _IMPORTS, str(file)]
    ended = subprocess.run(  # noqa: S603  # our own code
        command, check=True, capture_output=True, text=True, env=environment
    )
    imports, building = (float(word) for word in ended.stdout.split())
    return imports, building
