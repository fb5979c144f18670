"""Small sessions and networks for the tests of sessions and the engine."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import Self

import cv2
import numpy as np
import torch
from torch import Tensor, nn

from mfp.click_model import CropBatch, ModelTraits
from mfp.modulation import ModulationSettings
from mfp.network import ClickSettings, ModulatedNetwork
from mfp.session import FinishedSession, Image, Session, SessionLimits, SimulatedClicks, Truth

NO_TARGET = SessionLimits(max_clicks=6, target_iou=None)


def create_image(seed: int, height: int, width: int) -> Image:
    """(height, width, 3) uint8: smooth blobs that cover the whole range."""
    noise = np.random.default_rng(seed).standard_normal((height, width, 3)).astype(np.float32)
    smooth = np.asarray(cv2.GaussianBlur(noise, (0, 0), height / 12))
    return np.asarray(255 * (smooth - smooth.min()) / np.ptp(smooth), np.uint8)


def create_truth(seed: int, height: int, width: int) -> Truth:
    """(height, width) int8: an ellipse with a band of ignored pixels on one side."""
    rng = np.random.default_rng(seed)
    rows, cols = np.mgrid[:height, :width]
    y, x = rng.uniform(0.3, 0.7, 2) * (height, width)
    a, b = rng.uniform(0.1, 0.25, 2) * (height, width)
    truth = np.asarray((((rows - y) / a) ** 2 + ((cols - x) / b) ** 2) < 1, np.int8)
    truth[int(y + a) : int(y + a) + 4] = -1
    return truth


def create_session(seed: int, limits: SessionLimits = NO_TARGET) -> Session:
    """A simulated session; its size depends on the seed, some are larger than the smallest region."""
    height, width = [(96, 128), (280, 400), (128, 96), (390, 260), (64, 160)][seed % 5]
    image, truth = create_image(seed, height, width), create_truth(seed, height, width)
    return Session(seed, image, truth, SimulatedClicks(), limits)


def create_sessions(num: int, limits: SessionLimits = NO_TARGET) -> list[Session]:
    """Sessions with the keys 0..num-1."""
    return [create_session(seed, limits) for seed in range(num)]


class TinyNetwork(ModulatedNetwork):
    """A convolutional network with random weights, strong enough that clicks and the previous map matter.

    Keeps the aspect ratio: crop sides are multiples of 16.
    """

    def __init__(self, seed: int = 0, settings: ClickSettings | None = None) -> None:
        super().__init__(settings or ClickSettings(ModulationSettings(variant="release")))
        with torch.random.fork_rng():
            torch.manual_seed(seed)
            self.image = nn.Conv2d(3, 16, 7, stride=2, padding=3)
            self.maps = nn.Conv2d(4, 16, 7, stride=2, padding=3)
            self.late = nn.Conv2d(5, 16, 3, stride=2, padding=1)
            self.mix = nn.Conv2d(32, 16, 5, padding=2)
            self.head = nn.Conv2d(16, 1, 3, padding=1)

    zoom_size = 96

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        scale = zoom_size / max(height, width)
        return max(16, round(height * scale / 16) * 16), max(16, round(width * scale / 16) * 16)

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        early = torch.relu(self.image(image) + 3 * self.maps(coordinates))
        x = torch.relu(self.mix(torch.cat((early, self.late(late)), dim=1)))
        logits = nn.functional.interpolate(self.head(x), size=image.shape[-2:], mode="bilinear")
        texture = 20 * (logits - logits.mean(dim=(1, 2, 3), keepdim=True))
        clicked = nn.functional.avg_pool2d(coordinates[:, 2:3] - coordinates[:, 3:4], 21, 1, 10)
        return torch.as_tensor(60 * clicked + texture - 4)  # large only near foreground clicks


class RedChannelModel:
    """Answers with the red channel, as it is: whoever paints the truth red gets a perfect mask at once."""

    prepares = False
    zoom_size = 64

    def __init__(self, threshold: float = 0.5) -> None:
        self.traits = ModelTraits(name="red", identity="red", threshold=threshold)

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        return height, width

    def for_inference(self, device: torch.device) -> Self:
        return self

    def prepare(self, image: Tensor) -> None:
        raise AssertionError("it prepares nothing")

    def predict(self, batch: CropBatch) -> Tensor:
        return torch.logit(batch.image[:, :1].clamp(0.001, 0.999))


def painted(truth: Truth) -> Image:
    """The image on which RedChannelModel is perfect."""
    image = np.zeros((*truth.shape, 3), np.uint8)
    image[..., 0] = np.where(truth == 1, 255, 0)
    return image


def outcomes(finished: Iterable[FinishedSession]) -> dict[object, tuple[object, ...]]:
    """Everything that must not depend on the neighbours, by key; the wall time is left out."""
    return {
        session.key: (
            session.mask.tobytes(),
            session.stop_reason,
            session.iou,
            session.quality,
            [
                (r.click, r.source, r.iou, r.area, r.signals, r.changed_fraction, r.region)
                for r in session.clicks
            ],
        )
        for session in finished
    }


def watched(sessions: Iterable[Session | None], pulled: list[object]) -> Iterator[Session | None]:
    """The same sessions; the key of each is noted when it is pulled."""
    for session in sessions:
        pulled.append(None if session is None else session.key)
        yield session
