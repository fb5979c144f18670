"""ResNet-34 with the decoder of DeepLabV3+, as the paper trains it beside its ViT."""

from __future__ import annotations

import copy
from dataclasses import dataclass, field
from typing import Any, Self

from torch import Tensor, nn
from torch.nn import functional

from mfp.models.batch_norm_folding import fold_batch_norms
from mfp.models.coordinate_branch import CoordinateBranch
from mfp.models.crop_sizes import longest_side_crop
from mfp.models.deeplab import DeepLabDecoder
from mfp.models.late_fusion import LateFusion
from mfp.models.separable import SeparableConv
from mfp.network import ClickSettings, ModulatedNetwork

_STEM_CHANNELS = 64
_FINE_CHANNELS, _DEEP_CHANNELS = 64, 512
_OUTPUT_STRIDE = 8


@dataclass(frozen=True)
class ResNet34Config:
    """Configuration of ResNet-34 + DeepLabV3+.

    Attributes:
        decoder_channels: width of the decoder and of late fusion.
        zoom_size: the longer side of a crop in pixels, unless the run asks for another (evaluation protocol: 400,
            600 for DAVIS).
        clicks: how clicks and maps are shown to the network.
        late_fusion: image and maps once more before the head.
    """

    decoder_channels: int = 256
    zoom_size: int = 400
    clicks: ClickSettings = field(default_factory=ClickSettings)
    late_fusion: bool = True


class ResNet34(ModulatedNetwork):
    """Dilated ResNet-34 (output stride 8), coordinate branch, DeepLabV3+, late fusion, separable head.

    Crops keep the aspect ratio of their region and may have any size.
    """

    def __init__(self, config: ResNet34Config) -> None:
        super().__init__(config.clicks)
        self.config = config
        channels = config.decoder_channels
        # Imported here: timm takes seconds, which processes that build no network need not spend.
        import timm

        self.backbone: Any = timm.create_model(
            "resnet34", pretrained=False, output_stride=_OUTPUT_STRIDE, num_classes=0, global_pool=""
        )
        self.coordinates = CoordinateBranch(config.clicks.num_coordinate_channels, _STEM_CHANNELS)
        self.decoder = DeepLabDecoder(_DEEP_CHANNELS, _FINE_CHANNELS, channels)
        late_channels = config.clicks.num_late_channels
        self.late_fusion = LateFusion(late_channels, channels) if config.late_fusion else None
        self.head = nn.Sequential(
            SeparableConv(channels, channels // 2),
            SeparableConv(channels // 2, channels // 2),
            nn.Conv2d(channels // 2, 1, 1),
        )

    @property
    def zoom_size(self) -> int:
        """See CropModel."""
        return self.config.zoom_size

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """The longer side becomes zoom_size, the other keeps the aspect ratio; at least 32 pixels."""
        return longest_side_crop(height, width, zoom_size)

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        """See ModulatedNetwork."""
        net = self.backbone
        x = net.act1(net.bn1(net.conv1(image))) + self.coordinates(coordinates)
        fine = net.layer1(net.maxpool(x))  # (B, 64, H/4, W/4)
        deep = net.layer4(net.layer3(net.layer2(fine)))  # (B, 512, H/8, W/8)
        feature = self.decoder(deep, fine)
        if self.late_fusion is not None:
            feature = self.late_fusion(feature, late)
        logits = self.head(feature)
        return functional.interpolate(logits, size=image.shape[-2:], mode="bilinear", align_corners=True)

    def inference_form(self) -> Self:
        """A copy without BatchNorm."""
        network = copy.deepcopy(self).eval()
        fold_batch_norms(network)
        return network
