"""Sessions on one image that start from masks, and models for them."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from torch import Tensor

from mfp.click_model import ClickModel, CropBatch, ModelTraits
from mfp.clicks import Click
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.session import FinishedSession, LoggedClicks, Mask, Session, SessionLimits
from mfp.start import (
    FromMask,
)
from tests.mfp.click_models import CorrectingModel
from tests.mfp.session_factories import (
    RedChannelModel,
    TinyNetwork,
    create_image,
    create_truth,
)

SIZE = 280, 400


IMAGE = create_image(1, *SIZE)


TRUTH = create_truth(1, *SIZE)


TO_THE_END = SessionLimits(max_clicks=4, target_iou=None)


MODELS: dict[str, Callable[[], ClickModel]] = {
    "tiny": TinyNetwork,
    "analytic": AnalyticClickModel,
    "session": lambda: CorrectingModel(max_sessions=3),
}


class RecordingModel(AnalyticClickModel):
    """Keeps what it was shown."""

    def __init__(self) -> None:
        self.batches: list[CropBatch] = []

    def predict(self, batch: CropBatch) -> Tensor:
        self.batches.append(batch)
        return super().predict(batch)


def engine_of(model: ClickModel, batch_size: int = 4) -> Engine:
    return Engine(model, EngineSettings(batch_size=batch_size, zoom_size=64, flip="off"))


def moved(mask: Mask, down: int, right: int) -> Mask:
    return np.roll(mask, (down, right), (0, 1))


def start_mask(seed: int = 1) -> Mask:
    """The true object, some pixels off."""
    return moved(create_truth(seed, *SIZE) == 1, 10, 15)


def from_mask(
    mask: Mask, clicks: tuple[Click, ...], *, is_local: bool = True, excluded: Mask | None = None
) -> Session:
    return Session(
        "key",
        IMAGE,
        TRUTH,
        LoggedClicks(clicks),
        TO_THE_END,
        FromMask(mask),
        "local" if is_local else "global",
        excluded,
    )


def finished(model: ClickModel, session: Session) -> FinishedSession:
    (one,) = engine_of(model).run([session])
    return one


class Painted(RedChannelModel):
    """Answers with the red channel, whatever is clicked, and starts from masks."""

    def __init__(self, threshold: float = 0.5, *, keeps_outside: bool = True) -> None:
        super().__init__()
        self.traits = ModelTraits(
            name="painted",
            identity="painted",
            threshold=threshold,
            keeps_outside=keeps_outside,
            starts_from_mask=True,
        )
