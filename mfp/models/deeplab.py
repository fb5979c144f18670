"""The decoder of DeepLabV3+ (Chen et al. 2018): context at stride 8, joined with a finer feature at stride 4."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfp.models.separable import SeparableConv

_RATES = (12, 24, 36)
_SKIP_CHANNELS = 32


class DeepLabDecoder(nn.Module):
    """ASPP on the deep feature, resized to the fine one, joined with it, two separable convolutions, 1x1.

    Args:
        deep_channels: of the backbone's last feature.
        fine_channels: of its feature at stride 4.
        channels: C, of ASPP and of the result.
    """

    def __init__(self, deep_channels: int, fine_channels: int, channels: int) -> None:
        # Imported here, since torchvision takes seconds to import and other networks do without.
        from torchvision.models.segmentation.deeplabv3 import ASPP

        super().__init__()
        # torchvision's ASPP resizes its pooled branch from one pixel, so that its align_corners does not matter.
        self.aspp = ASPP(deep_channels, _RATES, channels)
        self.skip = nn.Sequential(
            nn.Conv2d(fine_channels, _SKIP_CHANNELS, 1, bias=False), nn.BatchNorm2d(_SKIP_CHANNELS), nn.ReLU()
        )
        self.join = nn.Sequential(
            SeparableConv(channels + _SKIP_CHANNELS, channels),
            SeparableConv(channels, channels),
            nn.Conv2d(channels, channels, 1),
        )

    def forward(self, deep: Tensor, fine: Tensor) -> Tensor:
        """(B, deep_channels, h, w) and (B, fine_channels, H/4, W/4) -> (B, C, H/4, W/4)."""
        context = functional.interpolate(
            self.aspp(deep), size=fine.shape[-2:], mode="bilinear", align_corners=True
        )
        joined: Tensor = self.join(torch.cat((context, self.skip(fine)), dim=1))
        return joined
