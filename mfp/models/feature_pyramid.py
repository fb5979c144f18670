"""The simple feature pyramid (ViTDet, Li et al. 2022): four strides from the one map of a plain ViT."""

from __future__ import annotations

from torch import Tensor, nn


def _norm(channels: int) -> nn.GroupNorm:
    """One group: mean and variance over all channels and positions of a sample together."""
    return nn.GroupNorm(1, channels)


class SimpleFeaturePyramid(nn.Module):
    """Features of strides 4, 8, 16 and 32 from one of stride 16.

    The released networks apply GELU between the two upsamplings of stride 4 and at the end of every level,
    nowhere else; the recorded logits tell this arrangement from the others.

    Args:
        in_channels: of the backbone's feature.
        widths: channels of the four levels, finest first.
    """

    def __init__(self, in_channels: int, widths: tuple[int, int, int, int]) -> None:
        super().__init__()
        half, quarter, double = in_channels // 2, in_channels // 4, in_channels * 2
        self.stride4 = nn.Sequential(
            nn.ConvTranspose2d(in_channels, half, 2, stride=2),
            _norm(half),
            nn.GELU(),
            nn.ConvTranspose2d(half, quarter, 2, stride=2),
            _norm(quarter),
            nn.Conv2d(quarter, widths[0], 1),
            _norm(widths[0]),
            nn.GELU(),
        )
        self.stride8 = nn.Sequential(
            nn.ConvTranspose2d(in_channels, half, 2, stride=2),
            _norm(half),
            nn.Conv2d(half, widths[1], 1),
            _norm(widths[1]),
            nn.GELU(),
        )
        self.stride16 = nn.Sequential(nn.Conv2d(in_channels, widths[2], 1), _norm(widths[2]), nn.GELU())
        self.stride32 = nn.Sequential(
            nn.Conv2d(in_channels, double, 2, stride=2),
            _norm(double),
            nn.Conv2d(double, widths[3], 1),
            _norm(widths[3]),
            nn.GELU(),
        )

    def forward(self, feature: Tensor) -> list[Tensor]:
        """(B, in_channels, G, G') at stride 16 -> maps of widths[i] channels at strides 4, 8, 16, 32."""
        return [level(feature) for level in (self.stride4, self.stride8, self.stride16, self.stride32)]
