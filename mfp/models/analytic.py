"""A click model without weights, for tests and for trying the pipeline: bumps around clicks, brightness."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Self

import torch
from torch import Tensor

from mfp.click_model import CropBatch, ModelTraits
from mfp.clicks import Click

ZOOM_SIZE = 448
_BUMP_WIDTH = 45.0


class AnalyticClickModel:
    """logit = 8 s_fg - 8 s_bg - 3 + 2 prev + 6 (mean of RGB - 0.5): a `CropModel`.

    s is the largest exp(-|x - c|^2 / (2 * 45^2)) over the clicks c of that label, 0 without any; crop pixels.
    Source: the click model that stands in for a network in the recorded evaluation loops.
    """

    prepares = False
    zoom_size = ZOOM_SIZE

    @property
    def traits(self) -> ModelTraits:
        """See CropModel."""
        return ModelTraits(name="analytic", identity="analytic", starts_from_mask=True)

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """See CropModel: a square, whatever the region."""
        return zoom_size, zoom_size

    def for_inference(self, device: torch.device) -> Self:
        """See CropModel: it has nothing to move."""
        return self

    def prepare(self, image: Tensor) -> None:
        """See CropModel."""

    def predict(self, batch: CropBatch) -> Tensor:
        """See CropModel. One pass for every click."""
        image = batch.image
        height, width = image.shape[-2:]
        rows = torch.arange(height, device=image.device, dtype=torch.float32)[:, None]
        cols = torch.arange(width, device=image.device, dtype=torch.float32)
        bumps = [
            _bump(rows, cols, sequence, is_foreground=True) - _bump(rows, cols, sequence, is_foreground=False)
            for sequence in batch.clicks
        ]
        brightness = image.mean(dim=1, keepdim=True)
        return 8.0 * torch.stack(bumps)[:, None] - 3.0 + 2.0 * batch.prob + 6.0 * (brightness - 0.5)


def _bump(rows: Tensor, cols: Tensor, clicks: Sequence[Click], *, is_foreground: bool) -> Tensor:
    """(H, W) in [0, 1]; rows (H, 1) and cols (W,) are pixel indices."""
    nearest = torch.full((rows.shape[0], cols.shape[0]), torch.inf, device=rows.device)
    for click in clicks:
        if click.is_foreground == is_foreground:
            torch.minimum(nearest, (rows - click.y) ** 2 + (cols - click.x) ** 2, out=nearest)
    return torch.exp(-nearest / (2 * _BUMP_WIDTH**2))
