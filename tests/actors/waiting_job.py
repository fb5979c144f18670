"""A labelling job that comes to its end only when a test lets it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from actors.click_models.model_ref import ModelRef
from actors.labelling.job import LabelJob
from mfp.click_model import CropBatch
from mfp.engine import Engine
from mfp.models.analytic import AnalyticClickModel
from tests.waiting import wait_until


@dataclass(frozen=True, kw_only=True)
class WaitsBeforeItsEnd(LabelJob):
    """Each worker makes `num_passes` passes of its network and no more until there is a file `may_end`."""

    num_passes: int
    may_end: Path

    def load(self, model: ModelRef, device: str) -> Engine:
        return Engine(_WaitingModel(self.num_passes, self.may_end), self.spec.network)


class _WaitingModel(AnalyticClickModel):
    def __init__(self, num_passes: int, may_end: Path) -> None:
        super().__init__()
        self._left = num_passes
        self._may_end = may_end

    def predict(self, batch: CropBatch) -> Tensor:
        if self._left == 0:
            wait_until(self._may_end.exists)
        else:
            self._left -= 1
        return super().predict(batch)
