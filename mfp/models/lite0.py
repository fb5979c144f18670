"""lite0: a click network for ordinary processors, on EfficientNet-Lite0."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfp.models.batch_norm_folding import fold_batch_norms
from mfp.models.constant_padding import fix_paddings
from mfp.models.coordinate_branch import CoordinateBranch
from mfp.models.crop_sizes import longest_side_crop
from mfp.models.late_fusion import LateFusion, XceptionBlock
from mfp.network import IMAGENET_MEAN, IMAGENET_STD, ClickSettings, ModulatedNetwork

_BACKBONE = "tf_efficientnet_lite0"
_STEM_CHANNELS = 32
# Blocks of the backbone whose outputs have strides 4, 8, 16, 32, and their widths.
_TAPS = {1: 24, 2: 40, 4: 112, 6: 320}
SIZE_MULTIPLE = 32


@dataclass(frozen=True)
class Lite0Config:
    """Configuration of lite0.

    Attributes:
        decoder_channels: width of the pyramid decoder and of late fusion.
        zoom_size: the longer side of a crop in pixels, unless the run asks for another.
        clicks: how clicks and maps are shown to the network.
        late_fusion: image and maps once more before the head; without it the head sits on the decoder.
    """

    decoder_channels: int = 64
    zoom_size: int = 320
    clicks: ClickSettings = field(default_factory=ClickSettings)
    late_fusion: bool = True


class Lite0(ModulatedNetwork):
    """EfficientNet-Lite0, coordinate branch, top-down pyramid to stride 4, separable late fusion, 1x1 head.

    Crop sides are multiples of 32.
    """

    def __init__(self, config: Lite0Config) -> None:
        super().__init__(config.clicks)
        self.config = config
        channels = config.decoder_channels
        # Imported here: timm takes seconds, which processes that build no network need not spend.
        import timm

        self.backbone: Any = timm.create_model(_BACKBONE, pretrained=False, features_only=True)
        self.coordinates = CoordinateBranch(config.clicks.num_coordinate_channels, _STEM_CHANNELS)
        self.laterals = nn.ModuleList(
            nn.Sequential(nn.Conv2d(width, channels, 1, bias=False), nn.BatchNorm2d(channels))
            for width in _TAPS.values()
        )
        self.smooth = nn.ModuleList(XceptionBlock(channels, channels) for _ in _TAPS)
        late_channels = config.clicks.num_late_channels
        self.late_fusion = LateFusion(late_channels, channels, separable=True) if config.late_fusion else None
        self.dropout = nn.Dropout2d(0.1)
        self.head = nn.Conv2d(channels, 1, 1)

    @property
    def zoom_size(self) -> int:
        """See CropModel."""
        return self.config.zoom_size

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """The longer side becomes zoom_size, the other keeps the aspect ratio up to rounding; both multiples of 32."""
        return longest_side_crop(height, width, zoom_size, SIZE_MULTIPLE)

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        """See ModulatedNetwork. H and W must be multiples of 32."""
        x = self.backbone.bn1(self.backbone.conv_stem(image)) + self.coordinates(coordinates)
        levels: list[Tensor] = []
        for index, block in enumerate(self.backbone.blocks):
            x = block(x)
            if index in _TAPS:
                levels.append(x)
        feature = self._pyramid(levels)
        if self.late_fusion is not None:
            feature = self.late_fusion(feature, late)
        logits = self.head(self.dropout(feature))
        return functional.interpolate(logits, size=image.shape[-2:], mode="bilinear", align_corners=True)

    def _pyramid(self, levels: list[Tensor]) -> Tensor:
        """Features of strides 4 to 32, finest first -> (B, C, H/4, W/4)."""
        joined: Tensor | None = None
        for level, lateral, smooth in reversed(list(zip(levels, self.laterals, self.smooth, strict=True))):
            x = lateral(level)
            if joined is not None:
                x = x + functional.interpolate(
                    joined, size=x.shape[-2:], mode="bilinear", align_corners=False
                )
            joined = smooth(x)
        assert joined is not None
        return joined

    def inference_form(self) -> Self:
        """A copy without BatchNorm, which costs a fifth of the time on a CPU, and with paddings that are constants."""
        network = copy.deepcopy(self).eval()
        fold_batch_norms(network)
        fix_paddings(network)
        return network

    def load_imagenet_backbone(self, state: dict[str, Tensor]) -> int:
        """Start from ImageNet weights that list timm's tensors in timm's order under other names.

        The weights expect pixels scaled to [-1, 1]; ours arrive with ImageNet's mean and standard deviation. The
        difference is an affine map per channel, which moves into the first convolution and its BatchNorm.

        Args:
            state: 296 tensors of the whole classifier; the last 8 belong to its head and are left out.

        Returns:
            The number of tensors loaded. A wrong count or shape raises RuntimeError (torch) or ValueError (zip).
        """
        own = self.backbone.state_dict()
        tensors = list(state.values())[: len(own)]
        renamed = dict(zip(own, tensors, strict=True))
        weight = renamed["conv_stem.weight"]  # (32, 3, 3, 3)
        scale = torch.tensor(IMAGENET_STD) / 0.5
        shift = (torch.tensor(IMAGENET_MEAN) - 0.5) / 0.5
        constant = (weight * shift[None, :, None, None]).sum(dim=(1, 2, 3))
        renamed["bn1.running_mean"] = renamed["bn1.running_mean"] - constant
        renamed["conv_stem.weight"] = weight * scale[None, :, None, None]
        self.backbone.load_state_dict(renamed)
        return len(renamed)
