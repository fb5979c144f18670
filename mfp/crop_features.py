"""What a crop model prepares of crops, kept while it may be asked for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from weakref import WeakValueDictionary

from mfp.image_crops import CropSize
from mfp.region import Region


@dataclass(frozen=True)
class Crop:
    """A region of an image, resized, and perhaps mirrored."""

    region: Region
    size: CropSize
    is_mirrored: bool


@dataclass(frozen=True, eq=False)
class CropFeatures:
    """What `CropModel.prepare` returned for a crop: of any type, also of one that allows no weak references."""

    features: Any


class ImageFeatures:
    """Features of crops of one image. Those of the whole image stay, others as long as a session holds them.

    Every session begins with the whole image. It rarely happens that one comes back to another region.
    """

    def __init__(self, height: int, width: int) -> None:
        """`height` and `width` are those of the image, in pixels."""
        self._size = height, width
        self._held: WeakValueDictionary[Crop, CropFeatures] = WeakValueDictionary()
        self._of_whole: dict[bool, CropFeatures] = {}  # read in `_held`; named here to be kept

    def at(self, crop: Crop, make: Callable[[], Any]) -> CropFeatures:
        """Those of a crop, made now if there are none."""
        features = self._held.get(crop)
        if features is None:
            features = self._held[crop] = CropFeatures(make())
            if (crop.region.height, crop.region.width) == self._size:
                self._of_whole[crop.is_mirrored] = features
        return features


class SessionFeatures:
    """Features that one session uses; it holds those of its newest crop, and of the newest that was mirrored."""

    def __init__(self, of_image: ImageFeatures) -> None:
        self._of_image = of_image
        self._newest: dict[bool, CropFeatures] = {}

    def at(self, crop: Crop, make: Callable[[], Any]) -> Any:
        """Those of a crop, made now if no session on the image has them."""
        held = self._newest[crop.is_mirrored] = self._of_image.at(crop, make)
        return held.features
