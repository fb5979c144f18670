"""OCR (Yuan et al. 2020) for one object: every pixel also sees the mean feature of the object."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_DROPOUT = 0.05


def _conv_bn_relu(in_channels: int, out_channels: int) -> nn.Sequential:
    return nn.Sequential(
        nn.Conv2d(in_channels, out_channels, 1, bias=False), nn.BatchNorm2d(out_channels), nn.ReLU()
    )


class ObjectContext(nn.Module):
    """From a feature and rough logits of the object to a feature with the object's context.

    OCR weighs the contexts of several regions by a softmax over the regions, computed from pixels and regions. Here
    the object is the only region, so that weight is 1 at every pixel; the layers behind it never change an answer nor
    get a gradient, and are left out.

    Args:
        in_channels: of the feature.
        channels: half of the result's channels, width of the context.
    """

    def __init__(self, in_channels: int, channels: int) -> None:
        super().__init__()
        width = 2 * channels
        self.narrow = nn.Sequential(
            nn.Conv2d(in_channels, width, 3, padding=1), nn.BatchNorm2d(width), nn.ReLU()
        )
        self.down = _conv_bn_relu(width, channels)
        self.up = _conv_bn_relu(channels, width)
        self.join = _conv_bn_relu(2 * width, width)
        self.dropout = nn.Dropout2d(_DROPOUT)

    def forward(self, feature: Tensor, rough: Tensor) -> Tensor:
        """(B, in_channels, h, w) and rough logits (B, 1, h, w) -> (B, 2 * channels, h, w)."""
        pixels = self.narrow(feature)  # (B, C, h, w)
        weights = torch.softmax(rough.flatten(2), dim=2)  # (B, 1, h * w), the soft region
        region = torch.matmul(pixels.flatten(2), weights.transpose(1, 2))[..., None]  # (B, C, 1, 1)
        # Spread before `up`: in training its norm counts pixels, so that its variance is that of a large sample.
        context = self.up(self.down(region).expand(-1, -1, *pixels.shape[-2:]))
        joined: Tensor = self.dropout(self.join(torch.cat((context, pixels), dim=1)))
        return joined
