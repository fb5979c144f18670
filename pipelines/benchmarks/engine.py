"""`mfp bench engine`: the engine over some objects beside its network passes alone, replayed from a recording."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
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
from pipelines.benchmarks.machine import cores_of, device_of, this_machine
from pipelines.benchmarks.processes import shape
from pipelines.benchmarks.result import BenchResult, Fact, Line
from pipelines.benchmarks.subject import find_benched_model, on_fastest_backend, samples_of, sessions_on
from pipelines.benchmarks.threads import on_threads
from pipelines.benchmarks.turns import take_turns, timed
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

    def replay(self) -> None:
        """Run the model on the batches that were kept, and do nothing else."""
        with torch.inference_mode():
            for batch in self._watched.batches:
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
    engine = WatchedEngine(model, spec.network, device_of(spec))
    num_clicks = engine.run_watched(sessions, keep_batches=True).num_clicks
    name = f"engine by {spec.network.backend}"
    lines: list[Line] = []
    facts = [Fact("objects", len(sessions)), Fact("clicks", num_clicks)]
    seconds: dict[str, tuple[float, ...]] = {}
    for num_threads in sorted({1, cores_of(spec)}):
        runs: list[WatchedRun] = []

        def run(runs: list[WatchedRun] = runs) -> float:
            runs.append(engine.run_watched(sessions))
            return runs[-1].seconds

        with on_threads(num_threads):
            engine.replay()  # kernels are chosen
            timings = take_turns({name: run, _PASSES: timed(engine.replay)}, spec.repeats)
        on = shape(1, num_threads)
        for way, of_way in timings.seconds.items():
            milliseconds = 1000 * timings.median(way) / num_clicks
            note = _note(runs) if way == name else ""
            lines.append(Line(on, way, milliseconds, timings.ratio(way, name), note))
            seconds[f"{on}, {way}"] = of_way
        facts.append(Fact(f"{on}: engine's time in passes", _share(runs, lambda one: one.passes)))
        facts.append(Fact(f"{on}: engine's time in layers", _share(runs, lambda one: one.layers)))
    return BenchResult(spec, machine, "click", "of the engine's time", tuple(lines), tuple(facts), seconds)


def _wait_for_gpu() -> None:
    if torch.cuda.is_available():
        torch.cuda.synchronize()


def _note(runs: Sequence[WatchedRun]) -> str:
    passes, layers = _share(runs, lambda one: one.passes), _share(runs, lambda one: one.layers)
    beside = f"{1 - passes:.1%} beside the passes"
    return f"{layers:.1%} in layers, {beside}" if layers else beside


def _share(runs: Sequence[WatchedRun], of_it: Callable[[WatchedRun], float]) -> float:
    return median(of_it(one) / one.seconds for one in runs)
