"""Labelling jobs whose workers break, in the ways that real ones do."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor

from actors.click_models.model_ref import ModelRef
from actors.labelling.job import LabelJob
from mfp.click_model import CropBatch
from mfp.engine import Engine, OnRefused, raise_refusal
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import FinishedSession, Session


@dataclass(frozen=True, kw_only=True)
class GpuFailsOnce(LabelJob):
    """The first process that comes to its fifth pass, and no other, has a GPU that fails; `note` gets its pid."""

    note: Path

    def load(self, model: ModelRef, device: str) -> Engine:
        return Engine(_FailingGpu(self.note), self.spec.network)


class _FailingGpu(AnalyticClickModel):
    def __init__(self, note: Path) -> None:
        super().__init__()
        self._note = note
        self._num_passes = 0

    def predict(self, batch: CropBatch) -> Tensor:
        self._num_passes += 1
        if self._num_passes >= 5 and self._is_broken():
            raise torch.AcceleratorError("CUDA error: an illegal memory access was encountered")
        return super().predict(batch)

    def _is_broken(self) -> bool:
        try:
            with self._note.open("x") as file:
                file.write(str(os.getpid()))
        except FileExistsError:
            return self._note.read_text() == str(os.getpid())
        return True


@dataclass(frozen=True, kw_only=True)
class DeadlySample(LabelJob):
    """One sample ends the process that clicks it, as the kernel does where memory runs out."""

    sample_key: str

    def load(self, model: ModelRef, device: str) -> Engine:
        return _MortalEngine(self.spec.network, self.sample_key)


class _MortalEngine(Engine):
    def __init__(self, settings: EngineSettings, deadly: str) -> None:
        super().__init__(AnalyticClickModel(), settings)
        self._deadly = deadly

    def run(
        self, sessions: Iterable[Session | None], on_refused: OnRefused = raise_refusal
    ) -> Iterator[FinishedSession]:
        return super().run(self._watched(sessions), on_refused)

    def _watched(self, sessions: Iterable[Session | None]) -> Iterator[Session | None]:
        for session in sessions:
            if session is not None and self._deadly in str(session.key):
                os._exit(137)
            yield session
