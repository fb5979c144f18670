"""Objects to click without end, and how fast something gets through them."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from mfp.click_model import CropBatch, CropModel
from mfp.crop_runner import CropRunner
from mfp.engine import Engine
from mfp.session import Session, SessionLimits
from pipelines.benchmarks.sequential_loop import SequentialLoop

_NUM_KEPT = 4  # batches that are replayed
_MOST_CLICKS = 20


@dataclass(frozen=True)
class Rate:
    """Clicks that were answered in some seconds."""

    num_clicks: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Clicks a second."""
        return self.num_clicks / self.seconds


def endless(sessions: list[Session]) -> Iterator[Session]:
    """The sessions again and again, ending after 1 to 20 clicks in turn, so that some are always young."""
    for number, session in enumerate(itertools.cycle(sessions)):
        limits = SessionLimits(max_clicks=1 + number * 7 % _MOST_CLICKS, target_iou=None)
        yield replace(session, key=number, limits=limits)


class CountedModel:
    """A crop model that counts the sessions it answers, and keeps some of its newest full batches."""

    def __init__(self, model: CropModel, rows_per_session: int) -> None:
        self.model = model
        self.num_sessions = 0
        self.kept: list[CropBatch] = []
        self._rows_per_session = rows_per_session

    def __getattr__(self, name: str) -> object:
        return getattr(self.model, name)

    def predict(self, batch: CropBatch) -> Tensor:
        """See CropModel."""
        self.num_sessions += len(batch.clicks) // self._rows_per_session
        largest = max((len(one.clicks) for one in self.kept), default=0)
        if len(batch.clicks) >= largest:
            self.kept = [*self.kept, batch][-_NUM_KEPT:]
        return self.model.predict(batch)


def counted(engine: Engine, *, flip: bool) -> CountedModel:
    """The model of an engine, which counts from now on."""
    runner = engine._runner
    assert isinstance(runner, CropRunner), "models of crops are measured"
    model = CountedModel(runner.model, 2 if flip else 1)
    runner.model = model  # type: ignore[assignment]
    return model


def engine_rate(
    engine: Engine, model: CountedModel, sessions: list[Session], warm_up: float, seconds: float
) -> Rate:
    """Clicks that the engine makes, once it is warm and full of sessions of all ages."""
    run = engine.run(endless(sessions))
    _go_on(run, warm_up)
    before, started = model.num_sessions, time.perf_counter()
    _go_on(run, seconds)
    return Rate(model.num_sessions - before, time.perf_counter() - started)


def _go_on(run: Iterator[object], seconds: float) -> None:
    until = time.perf_counter() + seconds
    for _ in run:
        if time.perf_counter() > until:
            return


def bare_rate(model: CountedModel, autocast: Callable[[], torch.autocast], seconds: float) -> Rate:
    """The model alone on the batches that were kept, one after the other; the device is waited for at the end."""
    rows = sum(len(batch.clicks) for batch in model.kept) // model._rows_per_session
    device = model.kept[0].image.device

    def replay() -> None:
        with torch.inference_mode(), autocast():
            for batch in model.kept:
                model.model.predict(batch)

    replay()
    wait_for(device)
    num_rounds, started = 0, time.perf_counter()
    while num_rounds == 0 or time.perf_counter() - started < seconds:
        replay()
        num_rounds += 1
        wait_for(device)
    return Rate(rows * num_rounds, time.perf_counter() - started)


def loop_rate(loop: SequentialLoop, sessions: list[Session], seconds: float) -> Rate:
    """Clicks of the loop of the field, one object after the other."""
    loop.clicks_on(sessions[0])
    num_clicks, started = 0, time.perf_counter()
    for session in itertools.cycle(sessions):
        num_clicks += len(loop.clicks_on(session)[0])
        if time.perf_counter() - started >= seconds:
            break
    return Rate(num_clicks, time.perf_counter() - started)


def wait_for(device: torch.device) -> None:
    """Until the device has done all it was told."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
