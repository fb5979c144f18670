"""`mfp bench train`: the steps of `mfp train`, a Ray Train job, beside the bare step on the same crops."""

from __future__ import annotations

import io
import math
import tempfile
import time
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from itertools import islice
from pathlib import Path
from statistics import mean, median

import numpy as np
import pyarrow.parquet as pq
import torch
from torch import nn

from actors.specs.bench import BenchSpec
from actors.specs.train import TrainSpec
from actors.specs.workers import TrainWorkers
from actors.training.job import TrainJob
from actors.training.loader import Share, training_batches
from actors.training.loop import rounds_of
from actors.training.start import start_network
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage, join
from mfp.training.optimizer import build_optimizer
from mfp.training.sample_order import numbers_of_worker
from mfp.training.step import GradientPass, StepSettings, accumulate_gradients
from pipelines.benchmarks.machine import cores_of, this_machine
from pipelines.benchmarks.processes import WorkProcesses, shape
from pipelines.benchmarks.result import BenchResult, Fact, Line
from pipelines.benchmarks.stamped_command import run_stamped
from pipelines.benchmarks.subject import samples_of
from pipelines.benchmarks.turns import Way, take_turns
from pipelines.benchmarks.workplace import workplace, write_config
from pipelines.inputs.training_recipe import recipe
from pipelines.jobs.train import plan_training

_CROPS_PER_CORE = 2
_BARE = "bare step"
_JOB = "mfp train"
_WARM_UP = 2  # steps that do not count: memory is handed out, kernels are chosen


@dataclass(frozen=True)
class _Steps:
    """The steps of a job that count: the mean of their seconds, and of those that waited for data."""

    seconds: float
    data_seconds: float


def bench_train(spec: BenchSpec) -> BenchResult:
    """Measure one worker on all cores, and a worker on each core; one pass over the objects, after a warm-up.

    Raises:
        OptionError, BenchError, MfpError, InfraError: what the specification names is not there, or the command fails.

    """
    machine, storage, cores = this_machine(), Storage(spec.storage), cores_of(spec)
    samples = samples_of(spec, storage)
    compared: dict[str, _Compared] = {}
    with ExitStack() as stack:
        place = stack.enter_context(workplace(spec, storage))
        notes = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="mfp-bench-")))
        write_dataset(samples, join(place, "dataset"), storage)
        for workers, threads in dict.fromkeys([(1, cores), (cores, 1)]):
            train = _train_spec(spec, place, workers, threads)
            # crops are made ahead: no processes load them
            job = plan_training(replace(train, workers=replace(train.workers, loader_workers=0))).job
            shares = [(job, rank, workers) for rank in range(workers)]
            bare = stack.enter_context(WorkProcesses(prepare_bare, shares, threads))
            compared[shape(workers, threads)] = _Compared(bare, train, storage, notes)
        ways: dict[str, Way] = {}
        for name, both in compared.items():
            ways |= {f"{name}, {_BARE}": both.run_bare, f"{name}, {_JOB}": both.run_job}
        timings = take_turns(ways, spec.repeats)
    lines, facts = [], [Fact("steps that count", _num_steps(spec)), Fact("crops in a step", _crops(spec))]
    for name, both in compared.items():
        step, whole = f"{name}, {_BARE}", f"{name}, {_JOB}"
        note = f"{both.waiting / timings.median(whole):.1%} waits for data"
        lines.append(Line(name, _BARE, 1000 * timings.median(step), timings.ratio(step, step)))
        lines.append(Line(name, _JOB, 1000 * timings.median(whole), timings.ratio(step, whole), note))
        facts.append(Fact(f"{name}: waiting for data", 1000 * both.waiting, "ms a step"))
        facts.append(Fact(f"{name}: exchange, other ranks, Ray", 1000 * both.rest, "ms a step"))
    return BenchResult(
        spec, machine, "step", "x the speed of the bare step", tuple(lines), tuple(facts), timings.seconds
    )


class _Compared:
    """A training job and its bare step, on as many workers."""

    def __init__(
        self, bare: WorkProcesses[list[float]], train: TrainSpec, storage: Storage, notes: Path
    ) -> None:
        self._bare = bare
        self._train = train
        self._storage = storage
        self._notes = notes
        self._alone: list[float] = []
        self._jobs: list[_Steps] = []

    def run_bare(self) -> float:
        """Seconds of a step of the slowest process."""
        self._bare.run()
        of_each = [mean(seconds[_WARM_UP:]) for seconds in self._bare.results]
        self._alone.append(mean(of_each))
        return max(of_each)

    def run_job(self) -> float:
        """Seconds of a step of the job."""
        train = replace(self._train, out=f"{self._train.out}-{len(self._jobs)}")
        config = self._notes / "train.json"
        write_config(config, train)
        run_stamped(["train", "--config", str(config)], self._notes)
        rows = [
            row
            for url in self._storage.list(join(train.out, "log"))
            for row in pq.read_table(io.BytesIO(self._storage.read_bytes(url))).to_pylist()
        ][_WARM_UP:]
        steps = _Steps(mean(row["seconds"] for row in rows), mean(row["data_seconds"] for row in rows))
        self._jobs.append(steps)
        return steps.seconds

    @property
    def waiting(self) -> float:
        """Seconds of a step in which the job waits for data."""
        return median(job.data_seconds for job in self._jobs)

    @property
    def rest(self) -> float:
        """Seconds of a step beside data and the mean process's own work.

        The workers exchange and wait for the slowest, if there are several. What Ray's processes and those that load
        data take from the cores is in it too.
        """
        return median(job.seconds - job.data_seconds for job in self._jobs) - median(self._alone)


def prepare_bare(job: TrainJob, rank: int, num_workers: int) -> Callable[[], list[float]]:
    """Steps of one worker without the others, on crops that are there: seconds of each, the warm-up included."""
    device = torch.device("cpu")
    torch.manual_seed(job.spec.seed)
    network, _ = start_network(job.recipe, None)
    network.to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    optimizer, gradient_pass = build_optimizer(network, job.recipe), GradientPass(network)
    batches = list(islice(training_batches(job, Share(rank, num_workers, 0), device), job.recipe.steps))

    def step(number: int) -> None:
        numbers = numbers_of_worker(number, job.recipe.batch_size, rank, num_workers)
        optimizer.zero_grad(set_to_none=True)
        accumulate_gradients(
            gradient_pass,
            network,
            batches[number],
            rounds_of(job, number),
            [np.random.default_rng(one) for one in numbers],
            StepSettings.of(job.recipe),
            lambda loss: (loss / len(numbers)).backward(),  # type: ignore[no-untyped-call]
        )
        nn.utils.clip_grad_norm_(network.parameters(), job.recipe.clip or math.inf)
        optimizer.step()

    def work() -> list[float]:
        seconds = []
        for number in range(job.recipe.steps):
            started = time.perf_counter()
            step(number)
            seconds.append(time.perf_counter() - started)
        return seconds

    return work


def _train_spec(spec: BenchSpec, place: str, workers: int, threads: int) -> TrainSpec:
    return TrainSpec(
        datasets=(join(place, "dataset"),),
        out=join(place, f"run-{workers}"),
        recipe=recipe(
            model=spec.model,
            steps=_WARM_UP + _num_steps(spec),
            batch_size=_crops(spec),
            precision="fp32",
            recursion_precision="fp32",
        ),
        workers=TrainWorkers(count=str(workers), cpus_per_worker=float(threads)),
        device="cpu",
        storage=spec.storage,
    )


def _crops(spec: BenchSpec) -> int:
    return _CROPS_PER_CORE * cores_of(spec)


def _num_steps(spec: BenchSpec) -> int:
    return max(1, spec.objects // _crops(spec))
