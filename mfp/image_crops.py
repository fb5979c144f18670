"""Where the crops of an image are cut and resized: on the host, or on the device that holds a copy of it."""

from __future__ import annotations

from typing import Protocol, TypeAlias

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

from mfp.click_model import Image
from mfp.region import Region
from mfp.transfers import Transfers

CropSize: TypeAlias = tuple[int, int]
"""(height, width) of a crop, in pixels."""


class ImageCrops(Protocol):
    """Crops of one image, for all sessions on it."""

    def cut(self, image: Image, region: Region, size: CropSize) -> Tensor:
        """(1, 3, h, w) float32 in [0, 1] on the device of the model: the region of the image, resized."""


class HostCrops:
    """Crops that are cut on the host."""

    def cut(self, image: Image, region: Region, size: CropSize) -> Tensor:
        """See ImageCrops."""
        pixels = region.window(image)
        # A copy, contiguous by channel: torch takes no read-only arrays, and resizes planes fastest.
        planes = torch.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C"))
        return _resized(planes, size)


class DeviceCrops:
    """Crops that are cut on the device, where the image lies as uint8 from the first one on."""

    def __init__(self, transfers: Transfers) -> None:
        self._transfers = transfers
        self._planes: Tensor | None = None  # (3, H, W) uint8

    def cut(self, image: Image, region: Region, size: CropSize) -> Tensor:
        """See ImageCrops."""
        if self._planes is None:
            self._planes = self._transfers.upload(image).permute(2, 0, 1).contiguous()
        return _resized(self._planes[:, region.rows, region.cols], size)


def resize(planes: Tensor, size: CropSize) -> Tensor:
    """(B, C, h, w) bilinear, corner pixels onto corner pixels."""
    return functional.interpolate(planes, size=size, mode="bilinear", align_corners=True)


def _resized(planes: Tensor, size: CropSize) -> Tensor:
    """(3, H, W) uint8 -> (1, 3, h, w) float32 in [0, 1]."""
    return resize(planes[None].float().div_(255), size)
