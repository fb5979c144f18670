"""HRNet-18 with object context (OCR-64), as the paper trains it beside its ViT."""

from __future__ import annotations

import copy
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Self

from torch import Tensor, nn
from torch.nn import functional

from mfp.clicks import Click
from mfp.models.batch_norm_folding import fold_batch_norms
from mfp.models.coordinate_branch import CoordinateBranch
from mfp.models.crop_sizes import longest_side_crop
from mfp.models.hrnet_backbone import FEATURE_CHANNELS, STEM_CHANNELS, hrnet_feature, hrnet_w18
from mfp.models.late_fusion import LateFusion
from mfp.models.object_context import ObjectContext
from mfp.network import ClickSettings, ModulatedNetwork


@dataclass(frozen=True)
class HRNet18Config:
    """Configuration of HRNet-18 + OCR.

    Attributes:
        ocr_channels: width of the object's context; the last feature has twice as many.
        zoom_size: the longer side of a crop in pixels, unless the run asks for another (evaluation protocol: 400,
            600 for DAVIS).
        clicks: how clicks and maps are shown to the network.
        late_fusion: image and maps once more before the heads.
    """

    ocr_channels: int = 64
    zoom_size: int = 400
    clicks: ClickSettings = field(default_factory=ClickSettings)
    late_fusion: bool = True


class HRNet18(ModulatedNetwork):
    """HRNet-W18, coordinate branch, late fusion on its 270 channels, auxiliary head, OCR, 1x1 head.

    Crops keep the aspect ratio of their region and may have any size. The auxiliary head also runs at inference: its
    answer is the soft region of OCR. Only in training it is a second output.
    """

    def __init__(self, config: HRNet18Config) -> None:
        super().__init__(config.clicks)
        self.config = config
        self.backbone = hrnet_w18()
        self.coordinates = CoordinateBranch(config.clicks.num_coordinate_channels, STEM_CHANNELS)
        late_channels = config.clicks.num_late_channels
        self.late_fusion = LateFusion(late_channels, FEATURE_CHANNELS) if config.late_fusion else None
        self.aux_head = nn.Sequential(
            nn.Conv2d(FEATURE_CHANNELS, FEATURE_CHANNELS, 1),
            nn.BatchNorm2d(FEATURE_CHANNELS),
            nn.ReLU(),
            nn.Conv2d(FEATURE_CHANNELS, 1, 1),
        )
        self.object_context = ObjectContext(FEATURE_CHANNELS, config.ocr_channels)
        self.head = nn.Conv2d(2 * config.ocr_channels, 1, 1)

    @property
    def zoom_size(self) -> int:
        """See CropModel."""
        return self.config.zoom_size

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """The longer side becomes zoom_size, the other keeps the aspect ratio; at least 32 pixels."""
        return longest_side_crop(height, width, zoom_size)

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        """See ModulatedNetwork."""
        return _at_crop_size(self._logits(image, coordinates, late)[0], image)

    def forward_training(
        self, image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]
    ) -> tuple[Tensor, Tensor | None]:
        """See ModulatedNetwork; the auxiliary logits are those of the soft region."""
        inputs = self.map_inputs(image, prob, clicks)
        logits, aux = self._logits(*inputs)
        return _at_crop_size(logits, image), _at_crop_size(aux, image)

    def inference_form(self) -> Self:
        """A copy without BatchNorm."""
        network = copy.deepcopy(self).eval()
        fold_batch_norms(network)
        return network

    def _logits(self, image: Tensor, coordinates: Tensor, late: Tensor) -> tuple[Tensor, Tensor]:
        """(B, 1, H/4, W/4) logits and auxiliary logits."""
        feature = hrnet_feature(self.backbone, image, self.coordinates(coordinates))
        if self.late_fusion is not None:
            feature = self.late_fusion(feature, late)
        aux = self.aux_head(feature)
        return self.head(self.object_context(feature, aux)), aux


def _at_crop_size(logits: Tensor, image: Tensor) -> Tensor:
    return functional.interpolate(logits, size=image.shape[-2:], mode="bilinear", align_corners=True)
