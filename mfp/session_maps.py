"""The probability map of a session, and crops of it and of the image."""

from __future__ import annotations

import torch
from torch import Tensor

from mfp.click_model import Image
from mfp.image_crops import CropSize, ImageCrops, resize
from mfp.region import Region
from mfp.transfers import Moment


class SessionMaps:
    """The image and the probability map of one session; the map lives on the device of the model.

    Attributes:
        prob: (H, W) float32 in [0, 1]; None before the first answer.
        written: when the map became what it is; None on the host, which is done with what it was told, and before the
            first answer.
    """

    def __init__(
        self, image: Image, crops: ImageCrops, device: torch.device, prob: Tensor | None = None
    ) -> None:
        """`crops` are those of `image`; the map starts as `prob`, or there is none yet."""
        self.prob = prob
        self.written: Moment | None = None
        self._image = image
        self._crops = crops
        self._device = device
        self._crop: tuple[Region, CropSize, Tensor] | None = None

    @property
    def size(self) -> tuple[int, int]:
        """(height, width) of the image, in pixels."""
        return self._image.shape[0], self._image.shape[1]

    def image_crop(self, region: Region, size: CropSize) -> Tensor:
        """(1, 3, h, w) float32 in [0, 1]: the region resized. Kept until another is asked for."""
        if self._crop is None or self._crop[:2] != (region, size):
            self._crop = (region, size, self._crops.cut(self._image, region, size))
        return self._crop[2]

    @property
    def has_map(self) -> bool:
        """Whether something is known: a map was given, or an answer was pasted. Else it is zero everywhere."""
        return self.prob is not None

    def map_crop(self, region: Region, size: CropSize) -> Tensor:
        """(1, 1, h, w) float32: the region of the probability map, resized."""
        if self.prob is None:
            return torch.zeros(1, 1, *size, device=self._device)
        return resize(self.prob[None, None, region.rows, region.cols], size)

    def window(self, region: Region) -> Tensor:
        """(h, w) float32: the region of the probability map, as it is."""
        if self.prob is None:
            return torch.zeros(region.height, region.width, device=self._device)
        return self.prob[region.rows, region.cols]

    def room(self, *, keeps_outside: bool = True) -> Tensor:
        """(H, W) float32: where the next answer goes, the present map or one of zeros."""
        if self.prob is None or not keeps_outside:
            return torch.zeros(self.size, device=self._device)
        return self.prob

    def paste(self, region: Region, answer: Tensor, room: Tensor) -> None:
        """Put (h, w) probabilities into their region of the `room`, which is the map from now on."""
        room[region.rows, region.cols] = answer
        self.prob = room

    def paste_part(self, region: Region, answer: Tensor, part: Tensor, room: Tensor) -> None:
        """As `paste`, but only of the pixels of `part`, (h, w) bool, and without taking memory."""
        window = room[region.rows, region.cols]
        torch.where(part, answer, window, out=window)
        self.prob = room
