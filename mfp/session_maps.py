"""The image and the probability map of a session, and crops of both."""

from __future__ import annotations

from typing import TypeAlias

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor
from torch.nn import functional

from mfp.region import Region

CropSize: TypeAlias = tuple[int, int]
"""(height, width) of a crop, in pixels."""


class SessionMaps:
    """The image and the probability map of one session; the map lives on the device of the model."""

    def __init__(
        self, image: npt.NDArray[np.uint8], device: torch.device, prob: npt.NDArray[np.float32] | None = None
    ) -> None:
        """`image` is (H, W, 3) uint8 RGB; the map starts as `prob`, (H, W) in [0, 1], or there is none yet."""
        self._image = image
        self._device = device
        # (H, W) float32; None before the first answer
        self._prob: Tensor | None = None if prob is None else torch.from_numpy(prob).to(device)
        self._crop: tuple[Region, CropSize, Tensor] | None = None

    def image_crop(self, region: Region, size: CropSize) -> Tensor:
        """(1, 3, h, w) float32 in [0, 1]: the region resized. Kept until another is asked for."""
        if self._crop is None or self._crop[:2] != (region, size):
            pixels = self._image[region.row_min : region.row_max + 1, region.col_min : region.col_max + 1]
            # A copy, contiguous by channel: torch takes no read-only arrays, and resizes planes fastest.
            planes = torch.from_numpy(np.array(pixels.transpose(2, 0, 1), order="C"))
            if self._device.type == "cuda":
                planes = planes.pin_memory().to(self._device, non_blocking=True)
            self._crop = (region, size, resize(planes[None].float().div_(255), size))
        return self._crop[2]

    @property
    def has_map(self) -> bool:
        """Whether something is known: a map was given, or an answer was pasted. Else it is zero everywhere."""
        return self._prob is not None

    def map_crop(self, region: Region, size: CropSize) -> Tensor:
        """(1, 1, h, w) float32: the region of the probability map, resized."""
        if self._prob is None:
            return torch.zeros(1, 1, *size, device=self._device)
        rows, cols = _slices(region)
        return resize(self._prob[None, None, rows, cols], size)

    def window(self, region: Region) -> Tensor:
        """(h, w) float32: the region of the probability map, as it is."""
        if self._prob is None:
            return torch.zeros(region.height, region.width, device=self._device)
        return self._prob[_slices(region)]

    def room(self, *, keeps_outside: bool = True) -> Tensor:
        """(H, W) float32: where the next answer goes, the present map or one of zeros."""
        if self._prob is None or not keeps_outside:
            return torch.zeros(self._image.shape[:2], device=self._device)
        return self._prob

    def paste(self, region: Region, answer: Tensor, room: Tensor) -> None:
        """Put (h, w) probabilities into their region of the `room`, which is the map from now on."""
        room[_slices(region)] = answer
        self._prob = room

    def probabilities(self) -> npt.NDArray[np.float32]:
        """(H, W) float32, the whole map."""
        if self._prob is None:
            return np.zeros(self._image.shape[:2], np.float32)
        array: npt.NDArray[np.float32] = self._prob.cpu().numpy()
        return array


def resize(planes: Tensor, size: CropSize) -> Tensor:
    """(B, C, h, w) bilinear, corner pixels onto corner pixels."""
    return functional.interpolate(planes, size=size, mode="bilinear", align_corners=True)


def _slices(region: Region) -> tuple[slice, slice]:
    return slice(region.row_min, region.row_max + 1), slice(region.col_min, region.col_max + 1)
