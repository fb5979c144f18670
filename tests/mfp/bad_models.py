"""Click models that break one promise each, and are honest beside it."""

from __future__ import annotations

import os
import sys
import warnings
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfp.click_model import ClickModel, CropBatch, Image, ModelTraits, SessionTurn
from mfp.model_check import Promise
from mfp.models.analytic import AnalyticClickModel
from tests.mfp.click_models import CorrectingModel, Growing, GrowingModel, PreparingModel, Smoothed

Maps = list[NDArray[np.float32]]


class WithTraits(AnalyticClickModel):
    """Says something else of itself."""

    def __init__(self, **traits: Any) -> None:
        self._traits = traits

    @property
    def traits(self) -> ModelTraits:
        return replace(super().traits, **self._traits)


class Moody(AnalyticClickModel):
    """Another identity every time."""

    num_asked = 0

    @property
    def traits(self) -> ModelTraits:
        self.num_asked += 1
        return replace(super().traits, identity=str(self.num_asked))


class Changed(AnalyticClickModel):
    """Its answer is changed on the way out."""

    def __init__(self, change: Callable[[Tensor, CropBatch], Any]) -> None:
        self._change = change

    def predict(self, batch: CropBatch) -> Tensor:
        logits: Tensor = self._change(super().predict(batch), batch)
        return logits


class ChangedSession(GrowingModel):
    """Its maps are changed on the way out."""

    def __init__(self, change: Callable[[NDArray[np.float32]], Any]) -> None:
        super().__init__()
        self._change = change

    def predict(self, turns: Sequence[SessionTurn]) -> Maps:
        return [self._change(one) for one in super().predict(turns)]


class Doing(AnalyticClickModel):
    """Does something to the process whenever it is asked."""

    def __init__(self, act: Callable[[], object]) -> None:
        self._act = act

    def predict(self, batch: CropBatch) -> Tensor:
        self._act()
        return super().predict(batch)


class OneMemory(GrowingModel):
    """Keeps the map in itself and not in the state; a new session begins with none."""

    def begin(self, image: Image, shared: NDArray[np.float32]) -> Any:
        self._prob = np.zeros(image.shape[:2], np.float32)
        return super().begin(image, shared)

    def predict(self, turns: Sequence[SessionTurn]) -> Maps:
        for turn in turns:
            turn.state.prob = self._prob
            self._prob = super().predict([turn])[0]
        return [turn.state.prob for turn in turns]


class Drunk(GrowingModel):
    """Never forgets: what it has once seen stays in its answers, whoever asks."""

    num_seen = 0

    def predict(self, turns: Sequence[SessionTurn]) -> Maps:
        self.num_seen += 1
        return [one * np.float32(1 - 0.001 * self.num_seen) for one in super().predict(turns)]


class OneBuffer(PreparingModel):
    """What it prepares is one array of its own, for whichever image came last."""

    def prepare(self, image: Tensor) -> Smoothed:  # type: ignore[override]
        smoothed = super().prepare(image)
        buffer = self.__dict__.setdefault("buffer", smoothed)
        buffer.brightness.copy_(smoothed.brightness)
        return buffer  # type: ignore[no-any-return]


class Painter(GrowingModel):
    """Draws on the caller's image."""

    def begin(self, image: Image, shared: NDArray[np.float32]) -> Any:
        image[0, 0] = 1
        return super().begin(image, shared)


class Scribbler(AnalyticClickModel):
    """Normalises the crop in its place."""

    def predict(self, batch: CropBatch) -> Tensor:
        logits = super().predict(batch)
        batch.image.sub_(0.5)
        return logits


class NeedsTwoRows(AnalyticClickModel):
    """Takes differences of neighbouring pixels of the image, which one pixel has not."""

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        return height // 2 * 2, width // 2 * 2

    def predict(self, batch: CropBatch) -> Tensor:
        assert batch.image.shape[-1] > 0
        return super().predict(batch)


def stretched(logits: Tensor, batch: CropBatch) -> Tensor:
    """Divided by the contrast of the image, of which a uniform one has none."""
    contrast = batch.image.amax((1, 2, 3)) - batch.image.amin((1, 2, 3))
    return logits / contrast[:, None, None, None]


def seeded() -> None:
    torch.manual_seed(0)
    np.random.seed(0)


_NOISE = np.random.default_rng(0)


class PromisingModel(GrowingModel):
    """Says that it starts from masks, and cannot."""

    traits = ModelTraits(name="promising", identity="promising 1", starts_from_mask=True)


class ForgetfulStart(CorrectingModel):
    """Takes another mask each time."""

    def __init__(self) -> None:
        super().__init__()
        self._num_starts = 0

    def begin_from_mask(
        self, image: Image, shared: NDArray[np.float32], prob: NDArray[np.float32]
    ) -> Growing:
        self._num_starts += 1
        return super().begin_from_mask(image, shared, np.roll(prob, self._num_starts, 1))


BAD_MODELS: dict[str, tuple[Callable[[], ClickModel], Promise]] = {
    "no identity": (lambda: WithTraits(identity=" "), Promise.TRAITS),
    "no name": (lambda: WithTraits(name=""), Promise.TRAITS),
    "threshold in percent": (lambda: WithTraits(threshold=50.0), Promise.TRAITS),
    "starts from masks without a method": (PromisingModel, Promise.START),
    "forgets between two starts": (ForgetfulStart, Promise.START),
    "threshold NaN": (lambda: WithTraits(threshold=float("nan")), Promise.TRAITS),
    "other traits every time": (Moody, Promise.TRAITS),
    "logits without their channel": (lambda: Changed(lambda logits, _: logits[:, 0]), Promise.FORM),
    "logits at half size": (lambda: Changed(lambda logits, _: logits[..., ::2, ::2]), Promise.FORM),
    "masks for logits": (lambda: Changed(lambda logits, _: logits > 0), Promise.FORM),
    "logits of the first row": (lambda: Changed(lambda logits, _: logits[:1]), Promise.FORM),
    "an error": (lambda: Changed(lambda logits, _: logits @ torch.ones(3)), Promise.FORM),
    "an end of the process": (lambda: Changed(lambda logits, _: sys.exit(0)), Promise.FORM),
    "maps of float64": (lambda: ChangedSession(lambda prob: prob.astype(np.float64)), Promise.FORM),
    "maps turned": (lambda: ChangedSession(lambda prob: prob.T), Promise.FORM),
    "NaN": (lambda: Changed(lambda logits, _: logits * torch.nan), Promise.VALUES),
    "logits for maps": (lambda: ChangedSession(lambda prob: 8 * prob - 4), Promise.VALUES),
    "noise": (
        lambda: Changed(lambda logits, _: logits + float(_NOISE.standard_normal())),
        Promise.SAME_AGAIN,
    ),
    "torch's noise": (lambda: Changed(lambda logits, _: logits + torch.randn(1)), Promise.SAME_AGAIN),
    "memory across sessions": (Drunk, Promise.SAME_AGAIN),
    "normalised over the batch": (
        lambda: Changed(lambda logits, _: logits - logits.mean()),
        Promise.NEIGHBOURS,
    ),
    "position in the batch": (
        lambda: Changed(lambda logits, _: logits + torch.linspace(0, 1, len(logits))[:, None, None, None]),
        Promise.NEIGHBOURS,
    ),
    "one buffer for all features": (OneBuffer, Promise.NEIGHBOURS),
    "one memory for all sessions": (OneMemory, Promise.INTERLEAVED),
    "no crop of one pixel": (NeedsTwoRows, Promise.ONE_PIXEL),
    "divides by the contrast": (lambda: Changed(stretched), Promise.UNIFORM),
    "default dtype": (lambda: Doing(lambda: torch.set_default_dtype(torch.float64)), Promise.GLOBAL_STATE),
    "threads": (lambda: Doing(lambda: torch.set_num_threads(3)), Promise.GLOBAL_STATE),
    "gradient mode": (lambda: Doing(lambda: torch.set_grad_enabled(True)), Promise.GLOBAL_STATE),
    "seeds": (lambda: Doing(seeded), Promise.GLOBAL_STATE),
    "warnings": (lambda: Doing(lambda: warnings.simplefilter("ignore")), Promise.GLOBAL_STATE),
    "directory": (lambda: Doing(lambda: os.chdir("/")), Promise.GLOBAL_STATE),
    "environment": (lambda: Doing(lambda: os.environ.update(BAD_MODEL="1")), Promise.GLOBAL_STATE),
    "sys.path": (lambda: Doing(lambda: sys.path.append("/nowhere")), Promise.GLOBAL_STATE),
    "image of the caller": (Painter, Promise.INPUTS),
    "crop in its place": (Scribbler, Promise.INPUTS),
}
