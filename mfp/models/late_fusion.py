"""Late fusion: image and both probability maps once more, just before the segmentation head (paper, section 3.2)."""

from __future__ import annotations

import torch
from torch import Tensor, nn

_STEM_CHANNELS = 64


class XceptionBlock(nn.Module):
    """Depthwise 3x3, BatchNorm, depthwise 3x3, 1x1, BatchNorm, ReLU; all convolutions with bias."""

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.depthwise1 = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels)
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.depthwise2 = nn.Conv2d(in_channels, in_channels, 3, padding=1, groups=in_channels)
        self.pointwise = nn.Conv2d(in_channels, out_channels, 1)
        self.norm2 = nn.BatchNorm2d(out_channels)

    def forward(self, x: Tensor) -> Tensor:
        """(B, in_channels, H, W) -> (B, out_channels, H, W)."""
        x = self.norm1(self.depthwise1(x))
        return torch.relu(self.norm2(self.pointwise(self.depthwise2(x))))


class LateFusion(nn.Module):
    """Joins the backbone's feature at stride 4 with the image and the maps at full crop resolution.

    Args:
        in_channels: L, of the late-fusion input: normalised RGB, previous map P, modulated map P~.
        channels: C, the width of the backbone's feature and of the result.
        separable: the second convolution of the stem as depthwise 3x3 and 1x1 (for small models).
    """

    def __init__(self, in_channels: int, channels: int, *, separable: bool = False) -> None:
        super().__init__()
        self.stem1 = nn.Conv2d(in_channels, _STEM_CHANNELS, 3, stride=2, padding=1)
        self.stem2: nn.Module = (
            nn.Sequential(
                nn.Conv2d(_STEM_CHANNELS, _STEM_CHANNELS, 3, stride=2, padding=1, groups=_STEM_CHANNELS),
                nn.Conv2d(_STEM_CHANNELS, channels, 1),
            )
            if separable
            else nn.Conv2d(_STEM_CHANNELS, channels, 3, stride=2, padding=1)
        )
        self.encode = XceptionBlock(channels, channels)
        self.fuse1 = XceptionBlock(2 * channels, channels)
        self.fuse2 = XceptionBlock(channels, channels)

    def forward(self, feature: Tensor, late: Tensor) -> Tensor:
        """Fuse.

        Args:
            feature: (B, C, H/4, W/4) of the backbone.
            late: (B, L, H, W).

        Returns:
            (B, C, H/4, W/4).
        """
        encoded = self.encode(torch.relu(self.stem2(torch.relu(self.stem1(late)))))
        fused: Tensor = self.fuse2(self.fuse1(torch.cat((feature, encoded), dim=1)))
        return fused
