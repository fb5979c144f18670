"""A click model of another package, whose network onnxruntime runs: what is bright, near foreground clicks.

A wheel is made of this folder (see toy_wheel.py): it knows nothing of the tests.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from pathlib import Path

import onnxruntime
import torch
from torch import Tensor

from mfp.click_model import CropBatch, ModelTraits
from mfp.clicks import Click

NETWORK = "toy.onnx"


def toy(sharpness: str = "8") -> ToyClicks:
    """The model of this package; `sharpness` is how much clicks weigh."""
    return ToyClicks((Path(__file__).parent / NETWORK).read_bytes(), float(sharpness))


class ToyClicks:
    """A `CropModel`."""

    zoom_size = 96
    prepares = False

    def __init__(self, network: bytes, sharpness: float) -> None:
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = 1  # the cores belong to the workers
        self._session = onnxruntime.InferenceSession(network, settings, providers=["CPUExecutionProvider"])
        self._sharpness = sharpness
        self.traits = ModelTraits(
            name="toy", identity=f"{hashlib.sha256(network).hexdigest()} {sharpness}", starts_from_mask=True
        )

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """A square, whatever the region."""
        return zoom_size, zoom_size

    def for_inference(self, device: torch.device) -> ToyClicks:
        """It runs on the processor, whatever the device."""
        return self

    def prepare(self, image: Tensor) -> None:
        """Nothing of an answer depends on the image alone."""

    def predict(self, batch: CropBatch) -> Tensor:
        """One pass of the network over (B, 5, H, W): RGB, the previous map, the clicks."""
        height, width = batch.image.shape[-2:]
        clicks = torch.stack([self._drawn(of_row, height, width) for of_row in batch.clicks])
        channels = torch.cat((batch.image, batch.prob, clicks.to(batch.image)), dim=1)
        (logits,) = self._session.run(["logits"], {"channels": channels.cpu().numpy()})
        return torch.from_numpy(logits).to(batch.image.device)

    def _drawn(self, clicks: Sequence[Click], height: int, width: int) -> Tensor:
        """(1, H, W) float: a bump up at foreground clicks, down at background clicks."""
        rows, cols = torch.arange(height)[:, None], torch.arange(width)
        drawn = torch.zeros(height, width)
        for click in clicks:
            bump = torch.exp(-((rows - click.y) ** 2 + (cols - click.x) ** 2) / (2 * (0.1 * height) ** 2))
            drawn += bump if click.is_foreground else -bump
        return self._sharpness * drawn[None]
