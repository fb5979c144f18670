"""`mfp bench engine`: the engine over some objects beside its network passes alone, replayed from a recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

import torch
from torch import Tensor

from actors.click_models.model_ref import ModelRef
from actors.specs.bench import BenchSpec
from infra.storage.files import Storage
from mfp.click_model import CropBatch, CropModel
from mfp.crop_runner import CropRunner
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.network import Layers, ModulatedNetwork
from mfp.session import Session
from pipelines.benchmarks.arithmetic import convolution_rate, operations
from pipelines.benchmarks.machine import cores_of, device_of, this_machine
from pipelines.benchmarks.processes import shape
from pipelines.benchmarks.result import BenchResult, Fact, Line
from pipelines.benchmarks.subject import find_benched_model, on_fastest_backend, samples_of, sessions_on
from pipelines.benchmarks.threads import on_threads
from pipelines.benchmarks.turns import Timings, take_turns, timed
from pipelines.errors import OptionError

_PASSES = "its passes, replayed"


class WatchedEngine(Engine):
    """An engine that keeps the batches its model is given, can replay them, and knows where its time goes."""

    def __init__(self, model: ModelRef, settings: EngineSettings, device: str = "cpu") -> None:
        """OptionError if the model runs its images itself."""
        super().__init__(model.build(), settings, device, model.identity)
        if not isinstance(self._runner, CropRunner):
            raise OptionError(
                f"--model {model.name} holds its sessions itself: there are no passes to replay"
            )
        self._precision = self._runner.precision
        self._watched = _Watched(self._runner.model)
        self._runner.model = self._watched

    def run_watched(self, sessions: Sequence[Session], *, keep_batches: bool = False) -> WatchedRun:
        """Run the sessions to their end, and say where the time went."""
        watched = self._watched
        watched.passes, watched.layers = 0.0, 0.0
        if keep_batches:
            watched.batches.clear()
        watched.keeps_batches = keep_batches
        started = time.perf_counter()
        num_clicks = sum(len(finished.clicks) for finished in self.run(sessions))
        return WatchedRun(num_clicks, time.perf_counter() - started, watched.passes, watched.layers)

    @property
    def batches(self) -> Sequence[CropBatch]:
        """Those that were kept."""
        return self._watched.batches

    def replay(self) -> None:
        """Run the model on the batches that were kept, in the precision of the runs, and do nothing else."""
        with torch.inference_mode():
            for batch in self._watched.batches:
                with self._precision():
                    self._watched.model.predict(batch)
        _wait_for_gpu()


@dataclass(frozen=True)
class WatchedRun:
    """Where the time of a run went.

    Attributes:
        num_clicks: that were made.
        seconds: in all.
        passes: of them, in `CropModel.predict`.
        layers: of those, in the network's layers, without click maps, modulation and normalisation. 0 if the model is
            none of our networks. On a GPU, which is not waited for after every pass, both mean little.
    """

    num_clicks: int
    seconds: float
    passes: float
    layers: float


class _Watched:
    """A crop model that keeps its batches, and the seconds of its passes."""

    def __init__(self, model: CropModel) -> None:
        self.model = model.run_by(self._timed(model.layers)) if isinstance(model, ModulatedNetwork) else model
        self.batches: list[CropBatch] = []
        self.keeps_batches = False
        self.passes = 0.0
        self.layers = 0.0

    def __getattr__(self, name: str) -> Any:
        return getattr(self.model, name)

    def predict(self, batch: CropBatch) -> Tensor:
        if self.keeps_batches:
            self.batches.append(batch)
        started = time.perf_counter()
        logits = self.model.predict(batch)
        self.passes += time.perf_counter() - started
        return logits

    def _timed(self, layers: Layers) -> Layers:
        def run(image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
            started = time.perf_counter()
            logits = layers(image, coordinates, late)
            self.layers += time.perf_counter() - started
            return logits

        return run


def bench_engine(spec: BenchSpec) -> BenchResult:
    """Measure it on one thread, and on all.

    Raises:
        OptionError, ModelError, StorageError: see `find_benched_model` and `samples_of`.

    """
    machine, storage = this_machine(), Storage(spec.storage)
    model = find_benched_model(spec.model, storage)
    spec = on_fastest_backend(spec, model)
    sessions = sessions_on(samples_of(spec, storage), spec.objects, spec.clicks)
    measured = [_measured(spec, model, sessions, threads) for threads in sorted({1, cores_of(spec)})]
    first = measured[0]
    facts = [Fact("objects", len(sessions)), Fact("clicks", first.num_clicks)]
    if first.operations:
        facts.append(Fact("arithmetic of a click", first.operations / first.num_clicks / 1e9, "GFLOP"))
    return BenchResult(
        spec,
        machine,
        "click",
        "of the engine's time",
        tuple(line for one in measured for line in one.lines()),
        (*facts, *(fact for one in measured for fact in one.facts())),
        {f"{one.shape}, {way}": of_way for one in measured for way, of_way in one.timings.seconds.items()},
    )


@dataclass(frozen=True)
class _Measured:
    """The engine on a number of threads.

    Attributes:
        shape: the threads, in words.
        timings: of the engine and of its passes alone.
        runs: of the engine, turn by turn.
        num_clicks: of a run.
        operations: of a run's passes; 0 if they are not known.
        most_operations: that a large convolution does in a second.
    """

    shape: str
    timings: Timings
    runs: Sequence[WatchedRun]
    num_clicks: int
    operations: int
    most_operations: float

    def lines(self) -> Iterator[Line]:
        engine, *_ = self.timings.seconds
        for way in self.timings.seconds:
            milliseconds = 1000 * self.timings.median(way) / self.num_clicks
            note = _note(self.runs) if way == engine else ""
            yield Line(self.shape, way, milliseconds, self.timings.ratio(way, engine), note)

    def facts(self) -> Iterator[Fact]:
        yield Fact(f"{self.shape}: engine's time in passes", _share(self.runs, lambda one: one.passes))
        yield Fact(f"{self.shape}: engine's time in layers", _share(self.runs, lambda one: one.layers))
        if self.operations:
            rate = median(self.operations / one.layers for one in self.runs)
            yield Fact(f"{self.shape}: arithmetic of the layers", rate / 1e9, "GFLOP/s")
            most = self.most_operations / 1e9
            yield Fact(f"{self.shape}: arithmetic of a large float32 convolution", most, "GFLOP/s")


def _measured(spec: BenchSpec, model: ModelRef, sessions: Sequence[Session], num_threads: int) -> _Measured:
    device, runs = device_of(spec), list[WatchedRun]()
    # the engine is made on them too: a backend keeps the number of threads that it finds then
    with on_threads(num_threads):
        engine = WatchedEngine(model, spec.network, device)
        num_clicks = engine.run_watched(sessions, keep_batches=True).num_clicks
        num_operations = _operations(model, engine, device)
        most_operations = convolution_rate() if num_operations else 0.0
        engine.replay()  # kernels are chosen

        def run() -> float:
            runs.append(engine.run_watched(sessions))
            return runs[-1].seconds

        ways = {f"engine by {spec.network.backend}": run, _PASSES: timed(engine.replay)}
        timings = take_turns(ways, spec.repeats)
    return _Measured(shape(1, num_threads), timings, runs, num_clicks, num_operations, most_operations)


def _operations(model: ModelRef, engine: WatchedEngine, device: str) -> int:
    """Of the batches that an engine has kept; 0 if the model is none of our networks or runs on a GPU."""
    network = model.build()
    if not isinstance(network, ModulatedNetwork) or device != "cpu":
        return 0
    return operations(network.for_inference(torch.device("cpu")), engine.batches)


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _note(runs: Sequence[WatchedRun]) -> str:
    passes, layers = _share(runs, lambda one: one.passes), _share(runs, lambda one: one.layers)
    beside = f"{1 - passes:.1%} beside the passes"
    return f"{layers:.1%} in layers, {beside}" if layers else beside


def _share(runs: Sequence[WatchedRun], of_it: Callable[[WatchedRun], float]) -> float:
    return median(of_it(one) / one.seconds for one in runs)
