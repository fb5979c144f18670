from __future__ import annotations

import logging

import pytest
import torch

from mfp import crop_runner
from mfp.batch_size import fitting_batch_size
from mfp.click_model import CropBatch
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from tests.mfp.beside_host import LateTransfers, use_device_paths
from tests.mfp.click_models import GrowingModel, PreparingModel
from tests.mfp.session_factories import create_sessions, outcomes


class Memory:
    """A device of so many bytes, some of them used; a session in a batch takes 10."""

    def __init__(self, size: int, used: int = 0, *, raises_above: int = 10**9) -> None:
        self.size, self.used, self.peak, self.raises_above = size, used, used, raises_above
        self.tried: list[int] = []

    def free(self) -> int:
        return self.size - self.used

    def most_used(self) -> int:
        peak, self.peak = self.peak, self.used
        return peak

    def run(self, num_sessions: int) -> None:
        self.tried.append(num_sessions)
        if num_sessions > self.raises_above:
            raise torch.OutOfMemoryError("CUDA out of memory")
        self.peak = max(self.peak, self.used + 10 * num_sessions)


@pytest.mark.parametrize(
    ("memory", "expected"),
    [
        (Memory(640), 32),
        (Memory(639), 16),
        (Memory(840, used=200), 32),
        (Memory(10**6), 64),
        (Memory(10**6, raises_above=23), 16),
        (Memory(10), 1),
        (Memory(10**6, raises_above=0), 1),
    ],
)
def test_a_batch_takes_half_of_the_free_memory_at_most(memory: Memory, expected: int) -> None:
    assert fitting_batch_size(memory.run, memory) == expected
    assert max(memory.tried) <= 2 * expected
    assert max(memory.tried) <= 64


def test_auto_tries_batches_of_the_largest_crops_on_a_gpu_and_changes_no_result(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    sessions = create_sessions(5)
    expected = outcomes(Engine(PreparingModel(), EngineSettings(zoom_size=64)).run(sessions))
    sizes: list[tuple[int, ...]] = []

    class Noting(PreparingModel):
        def predict(self, batch: CropBatch) -> torch.Tensor:
            sizes.append(tuple(batch.image.shape))
            return super().predict(batch)

    use_device_paths(monkeypatch, LateTransfers())
    monkeypatch.setattr(crop_runner, "CudaMemory", lambda device: Memory(10**9))
    with caplog.at_level(logging.INFO):
        engine = Engine(Noting(), EngineSettings(zoom_size=64))
    assert engine.batch_size == 64
    assert sizes == [(2 * 2**power, 3, 64, 64) for power in range(7)]
    assert "64 sessions in a batch" in caplog.text
    results = outcomes(engine.run(sessions))
    assert {key: value[:3] for key, value in results.items()} == {
        key: value[:3] for key, value in expected.items()
    }


def test_auto_is_eight_where_sessions_take_turns() -> None:
    assert Engine(AnalyticClickModel(), EngineSettings()).batch_size == 8
    assert Engine(GrowingModel(), EngineSettings()).batch_size == 8
