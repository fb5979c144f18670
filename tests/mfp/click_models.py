"""Small honest click models of both kinds, elementwise so that no batch changes a bit of their results."""

from __future__ import annotations

import itertools
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from torch.nn import functional

from mfp.click_model import CropBatch, Image, ModelTraits, SessionTurn
from mfp.clicks import Click
from mfp.errors import ImageSizeError
from mfp.models.analytic import AnalyticClickModel


@dataclass(frozen=True, eq=False)
class Smoothed:
    """What PreparingModel prepares."""

    brightness: Tensor


class PreparingModel(AnalyticClickModel):
    """The analytic model with smoothed brightness added, from features or, if it `prepares` nothing, from the crop."""

    def __init__(self, *, prepares: bool = True) -> None:
        self.prepares = prepares
        self.num_prepared = 0
        self.alive: weakref.WeakSet[Smoothed] = weakref.WeakSet()
        self.most_alive = 0

    @property
    def traits(self) -> ModelTraits:
        return ModelTraits(name="preparing", identity="preparing")

    def prepare(self, image: Tensor) -> Smoothed:  # type: ignore[override]
        assert image.shape[:2] == (1, 3)
        self.num_prepared += 1
        smoothed = Smoothed(functional.avg_pool2d(image.mean(dim=1, keepdim=True), 5, stride=1, padding=2))
        self.alive.add(smoothed)
        self.most_alive = max(self.most_alive, len(self.alive))
        return smoothed

    def predict(self, batch: CropBatch) -> Tensor:
        features = batch.features if self.prepares else [self.prepare(image[None]) for image in batch.image]
        return super().predict(batch) + 6 * torch.cat([one.brightness for one in features])


@dataclass
class Growing:
    """The state of a session of GrowingModel."""

    prob: NDArray[np.float32]
    brightness: NDArray[np.float32]
    num_clicks: int = 0


class GrowingModel:
    """A session model: bumps around clicks times the brightness of the image, averaged with the map before.

    Counts its calls. With `reuses_array` every answer to an image of one size is the same array, as a frugal model
    might do.
    """

    traits = ModelTraits(name="growing", identity="growing 1", threshold=0.4)

    def __init__(self, max_sessions: int = 1, *, reuses_array: bool = False) -> None:
        self.max_sessions = max_sessions
        self.num_prepared = 0
        self.num_begun = 0
        self.turns: list[int] = []
        self._reuses_array = reuses_array
        self._arrays: dict[tuple[int, int, int], NDArray[np.float32]] = {}

    def for_inference(self, device: torch.device) -> Self:
        return self

    def prepare(self, image: Image) -> NDArray[np.float32]:
        assert not torch.is_grad_enabled()
        self.num_prepared += 1
        return np.asarray(image.mean(axis=2, dtype=np.float32) / np.float32(255))

    def begin(self, image: Image, shared: NDArray[np.float32]) -> Growing:
        self.num_begun += 1
        return Growing(np.zeros(image.shape[:2], np.float32), shared)

    def predict(self, turns: Sequence[SessionTurn]) -> list[NDArray[np.float32]]:
        assert not torch.is_grad_enabled()
        self.turns.append(len(turns))
        return [self._map(idx, turn.state, turn.clicks) for idx, turn in enumerate(turns)]

    def _map(self, idx: int, state: Growing, clicks: Sequence[Click]) -> NDArray[np.float32]:
        state.num_clicks += 1
        assert state.num_clicks == len(clicks), "a click was left out, or came twice"
        rows, cols = np.indices(state.prob.shape, np.float32)
        click = clicks[-1]
        bump = np.exp(-((rows - click.y) ** 2 + (cols - click.x) ** 2) / np.float32(2 * 20**2))
        grown = (0.5 + 0.5 * state.brightness) * bump + (1 - bump) * state.prob
        state.prob = np.asarray(grown if click.is_foreground else (1 - bump) * state.prob, np.float32)
        if not self._reuses_array:
            return state.prob
        array = self._arrays.setdefault((idx, *state.prob.shape), np.empty_like(state.prob))
        array[:] = state.prob
        return array


class PickyModel(GrowingModel):
    """A GrowingModel that takes images of some widths only."""

    def __init__(self, widths: range, max_sessions: int = 1) -> None:
        super().__init__(max_sessions)
        self._widths = widths

    def prepare(self, image: Image) -> NDArray[np.float32]:
        if image.shape[1] not in self._widths:
            raise ImageSizeError(
                f"{image.shape[1]} pixels wide: must be {self._widths[0]} to {self._widths[-1]}"
            )
        return super().prepare(image)


class CorrectingModel(GrowingModel):
    """A GrowingModel that starts from masks too."""

    traits = ModelTraits(name="correcting", identity="correcting 1", threshold=0.4, starts_from_mask=True)

    def begin_from_mask(
        self, image: Image, shared: NDArray[np.float32], prob: NDArray[np.float32]
    ) -> Growing:
        return Growing(prob, shared)


def assert_all_different(values: Sequence[NDArray[np.float32]]) -> None:
    """Else a test of independence would show nothing."""
    assert not any(np.array_equal(one, other) for one, other in itertools.combinations(values, 2))
