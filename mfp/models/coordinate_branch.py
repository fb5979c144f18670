"""The way in for maps and clicks of the convolutional models."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_START_SCALE = 0.05


class CoordinateBranch(nn.Module):
    """1x1, LeakyReLU 0.2, 3x3 stride 2, times a learned scale; added after the backbone's first conv-BN-ReLU.

    The scale starts small and counts as its absolute value, so that training begins near the image-only backbone.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.mix = nn.Conv2d(in_channels, 16, 1)
        self.down = nn.Conv2d(16, out_channels, 3, stride=2, padding=1)
        self.scale = nn.Parameter(torch.full((1,), _START_SCALE))

    def forward(self, coordinates: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H/2, W/2)."""
        hidden = nn.functional.leaky_relu(self.mix(coordinates), 0.2)
        scaled: Tensor = self.down(hidden) * self.scale.abs()
        return scaled
