"""How the answers of a model's device become masks on the host and maps on the device."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from torch import Tensor

from mfp.image_crops import ImageCrops
from mfp.region import Region
from mfp.runner import Launched
from mfp.session_maps import SessionMaps

ZOOM_THRESHOLD = 0.5
"""Zoom-in thresholds at 0.5 whatever the model's own threshold is (evaluation protocol)."""


@dataclass(frozen=True, eq=False)
class Answer:
    """What a model answered to one request.

    Attributes:
        maps: of the session.
        region: the part of the image that it is about.
        prob: (h, w) float32 in [0, 1], the probabilities there, on the device.
        keeps_outside: outside the region the map keeps its values; else they become 0.
        is_local: of the region, only the connected parts of the change of the mask count that hold one of `pixels`.
        pixels: (row, column) in the region of the newest clicks.
        halves: (2,) float64 on the device: pixels of the crop in the intersection, and in the union, of the masks of
            the image and of its mirror image. None if the model was not shown a mirror image.
    """

    maps: SessionMaps
    region: Region
    prob: Tensor
    keeps_outside: bool
    is_local: bool
    pixels: tuple[tuple[int, int], ...]
    halves: Tensor | None


class Exchange(Protocol):
    """What lies between the host and the device of a model of crops."""

    @property
    def is_one_memory(self) -> bool:
        """Whether the device is the host itself."""

    def image_crops(self) -> ImageCrops:
        """What cuts the crops of one image."""

    def tensor(self, array: npt.NDArray[Any]) -> Tensor:
        """An array of the host, (h, w), as the device has it."""

    def take(self, answers: list[Answer], is_finite: Tensor) -> Launched:
        """Make masks of the answers, and maps of them on the device. `is_finite`: () bool, of all logits together.

        If it raises, for want of memory say, no map has changed.
        """

    def probabilities(self, maps: SessionMaps) -> npt.NDArray[np.float32]:
        """(H, W) float32, the whole map, on the host."""
