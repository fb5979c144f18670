"""Devices that work beside the host, made of this one: what the engine does on CUDA, on a CPU."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor

from mfp import engine
from mfp.click_model import ClickModel
from mfp.crop_runner import CropRunner
from mfp.device_exchange import DeviceExchange
from mfp.engine_settings import EngineSettings
from mfp.exchange import Exchange
from mfp.runner import Request, Runner
from mfp.session_state import RegionMasks


@dataclass
class LateArrival:
    """Copies that are made as late as CUDA may make them: when somebody waits for them."""

    tensors: Sequence[Tensor]

    def wait(self) -> list[npt.NDArray[Any]]:
        return [tensor.numpy().copy() for tensor in self.tensors]


class LateMoment:
    """A moment of a device that is always done at once."""

    def download(self, tensors: Sequence[Tensor]) -> LateArrival:
        return LateArrival(tensors)


class LateTransfers:
    """Transfers between this host and itself; counts them."""

    device = torch.device("cpu")

    def __init__(self) -> None:
        self.uploaded: list[tuple[int, ...]] = []  # shapes
        self.num_marks = 0

    def upload(self, array: npt.NDArray[Any]) -> Tensor:
        self.uploaded.append(array.shape)
        return torch.from_numpy(np.array(array))

    def fill(self, tensor: Tensor, array: npt.NDArray[Any]) -> None:
        tensor.copy_(torch.from_numpy(array))

    def mark(self) -> LateMoment:
        self.num_marks += 1
        return LateMoment()


def use_device_paths(monkeypatch: pytest.MonkeyPatch, transfers: LateTransfers) -> None:
    """Have models of crops run on the CPU as on CUDA: whole batches, two of them away, masks made on the device."""

    def exchange_with(runner: CropRunner, device: torch.device) -> Exchange:
        return DeviceExchange(runner.traits, transfers, runner.network)

    monkeypatch.setattr(CropRunner, "_exchange_with", exchange_with)


@dataclass(frozen=True)
class OnThread:
    """A batch that a thread is at work on."""

    runner: ThreadedRunner
    future: Future[list[RegionMasks]]

    def collect(self) -> list[RegionMasks]:
        self.runner.num_away -= 1
        self.runner.collected.append(self.runner.num_away)
        return self.future.result()


class ThreadedRunner:
    """A runner whose batches run on a thread, as on a device beside the host. What it raises shows at `collect`.

    `max_away` is the largest number of batches that were away at once, `launched` the sizes of all, `collected` how
    many others were away whenever one came in.
    """

    can_repeat = True

    def __init__(self, inner: Runner[Any, Any]) -> None:
        self.inner = inner
        self.traits, self.zoom, self.network = inner.traits, inner.zoom, inner.network
        places = inner.places
        self.places = replace(
            places, max_batches_away=2, places_per_batch_row=4, max_sessions_per_pass=places.batch_size
        )
        self.num_away = self.max_away = 0
        self.launched: list[int] = []
        self.collected: list[int] = []
        self._thread = ThreadPoolExecutor(1)

    def open(self, *args: Any) -> Any:
        return self.inner.open(*args)

    def batch_key(self, region: Any) -> Any:
        return self.inner.batch_key(region)

    def launch(self, requests: Sequence[Request[Any]], key: Any) -> OnThread:
        return self.send(len(requests), lambda: self.inner.predict(requests, key))

    def send(self, num_requests: int, work: Callable[[], list[RegionMasks]]) -> OnThread:
        """Have the thread do some work."""
        self.num_away += 1
        self.max_away = max(self.max_away, self.num_away)
        self.launched.append(num_requests)
        return OnThread(self, self._thread.submit(work))

    def predict(self, requests: Sequence[Request[Any]], key: Any) -> list[RegionMasks]:
        return self.launch(requests, key).collect()

    def probabilities(self, session: Any) -> npt.NDArray[np.float32]:
        return self.inner.probabilities(session)


def engine_on_thread(
    monkeypatch: pytest.MonkeyPatch,
    model: ClickModel,
    batch_size: int,
    wrap: Callable[[Runner[Any, Any]], ThreadedRunner] = ThreadedRunner,
) -> tuple[engine.Engine, ThreadedRunner]:
    """An engine over a model whose batches run on a thread."""
    settings = EngineSettings(batch_size=batch_size, zoom_size=64)
    runner = wrap(engine.runner_of(model, settings, "cpu"))
    with monkeypatch.context() as patch:
        patch.setattr(engine, "runner_of", lambda *_: runner)
        return engine.Engine(model, settings), runner
