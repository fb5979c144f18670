"""The ViT click network of the paper: plain ViT, simple feature pyramid, late fusion, 1x1 head."""

from __future__ import annotations

from dataclasses import dataclass, field

import torch
from torch import Tensor, nn
from torch.nn import functional

from mfp.errors import ImageSizeError, ModelError
from mfp.models.feature_pyramid import SimpleFeaturePyramid
from mfp.models.late_fusion import LateFusion
from mfp.models.vit_backbone import ViTBackbone, patch_embedding
from mfp.network import ClickSettings, ModulatedNetwork

_DROPOUT = 0.1


@dataclass(frozen=True)
class ViTConfig:
    """Configuration of a ViT click network; the defaults are ViT-B/16 at 448 pixels.

    Attributes:
        width: channels of a token.
        depth: number of blocks, a multiple of 4.
        num_heads: of attention; divides width.
        input_size: side in pixels of the square crop it was trained on; fixes the size of the position table
            and is the zoom size unless the run asks for another.
        patch_size: side of a patch in pixels.
        window_side: side of an attention window in tokens. It stays 14 at every crop size: 2x2 windows at 448
            pixels (28x28 tokens), 3x3 at 672 (42x42).
        pyramid_widths: channels of the pyramid at strides 4, 8, 16, 32.
        head_width: channels of the head and of late fusion.
        clicks: how clicks and maps are shown to the network.
        late_fusion: image and maps once more before the last convolution.
    """

    width: int = 768
    depth: int = 12
    num_heads: int = 12
    input_size: int = 448
    patch_size: int = 16
    window_side: int = 14
    pyramid_widths: tuple[int, int, int, int] = (128, 256, 512, 1024)
    head_width: int = 256
    clicks: ClickSettings = field(default_factory=ClickSettings)
    late_fusion: bool = True

    def __post_init__(self) -> None:
        if self.depth < 4 or self.depth % 4:
            raise ModelError(f"ViT of depth {self.depth}: must be a multiple of 4; mend the configuration")
        if self.num_heads < 1 or self.width % self.num_heads:
            raise ModelError(
                f"ViT of width {self.width} with {self.num_heads} heads: heads must divide the width; "
                "mend the configuration"
            )
        if self.input_size < 1 or self.input_size % self.patch_size:
            raise ModelError(
                f"ViT with input size {self.input_size}: must be a multiple of the patch, {self.patch_size}; "
                "mend the configuration"
            )


class ViTHead(nn.Module):
    """Joins the pyramid at stride 4, fuses image and maps late, and gives logits at stride 4.

    Args:
        pyramid_widths: channels of the four levels, finest first.
        width: channels inside the head.
        late_channels: of the late-fusion input; None: no late fusion.
    """

    def __init__(
        self, pyramid_widths: tuple[int, int, int, int], width: int, late_channels: int | None
    ) -> None:
        super().__init__()
        self.laterals = nn.ModuleList(nn.Conv2d(channels, width, 1) for channels in pyramid_widths)
        self.merge = nn.Conv2d(len(pyramid_widths) * width, width, 1)
        self.late_fusion = None if late_channels is None else LateFusion(late_channels, width)
        self.dropout = nn.Dropout2d(_DROPOUT)
        self.classify = nn.Conv2d(width, 1, 1)

    def forward(self, levels: list[Tensor], late: Tensor) -> Tensor:
        """Levels finest first and late (B, late_channels, H, W) -> (B, 1, H/4, W/4) logits."""
        size = levels[0].shape[-2:]
        narrowed = [torch.relu(lateral(level)) for lateral, level in zip(self.laterals, levels, strict=True)]
        joined = [
            functional.interpolate(level, size=size, mode="bilinear", align_corners=False)
            for level in narrowed
        ]
        feature = torch.relu(self.merge(torch.cat(joined, dim=1)))
        if self.late_fusion is not None:
            feature = self.late_fusion(feature, late)
        logits: Tensor = self.classify(self.dropout(feature))
        return logits


class ViT(ModulatedNetwork):
    """ViT click network. Crop sides need not be equal, but each must be a multiple of `size_step` pixels.

    A window of 14x14 tokens of 16 pixels covers 224 pixels, so sides of 224, 448, 672, 896, ... work. A ViT
    without windowed blocks (depth 4) takes multiples of its patch, two patches or more, since the pyramid
    halves the tokens once.
    """

    crops_vary = False

    def __init__(self, config: ViTConfig) -> None:
        super().__init__(config.clicks)
        self.config = config
        self.backbone = ViTBackbone(
            width=config.width,
            depth=config.depth,
            num_heads=config.num_heads,
            patch_size=config.patch_size,
            table_side=config.input_size // config.patch_size,
            window_side=config.window_side,
        )
        self.coordinate_embed = patch_embedding(
            config.clicks.num_coordinate_channels, config.width, config.patch_size
        )
        self.pyramid = SimpleFeaturePyramid(config.width, config.pyramid_widths)
        late_channels = config.clicks.num_late_channels if config.late_fusion else None
        self.head = ViTHead(config.pyramid_widths, config.head_width, late_channels)

    @property
    def size_step(self) -> int:
        """Pixels; every side of a crop is a multiple of it."""
        return self.config.patch_size * (self.config.window_side if self.backbone.has_windows else 1)

    @property
    def zoom_size(self) -> int:
        """See CropModel."""
        return self.config.input_size

    def crop_size(self, height: int, width: int, zoom_size: int) -> tuple[int, int]:
        """A square of zoom_size, whatever the region. ImageSizeError if it does not fit."""
        self._check_size(zoom_size, zoom_size)
        return zoom_size, zoom_size

    def forward(self, image: Tensor, coordinates: Tensor, late: Tensor) -> Tensor:
        """See ModulatedNetwork. ImageSizeError if H or W is not a size of `size_step`."""
        height, width = image.shape[-2:]
        self._check_size(height, width)
        levels = self.pyramid(self.backbone(image, self.coordinate_embed(coordinates)))
        logits = self.head(levels, late)
        return functional.interpolate(logits, size=(height, width), mode="bilinear", align_corners=True)

    def _check_size(self, height: int, width: int) -> None:
        step, smallest = self.size_step, max(self.size_step, 2 * self.config.patch_size)
        if all(side % step == 0 and side >= smallest for side in (height, width)):
            return
        unfit = height if height % step or height < smallest else width
        below, above = unfit // step * step, max((unfit // step + 1) * step, smallest)
        nearest = f"{below} or {above}" if below >= smallest else str(above)
        raise ImageSizeError(
            f"crop of {height}x{width} pixels: sides must be multiples of {step} from {smallest} on; "
            f"nearest to {unfit}: {nearest}"
        )
