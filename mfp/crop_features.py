"""What a crop model prepares of crops, kept while it may be asked for again."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeAlias
from weakref import WeakValueDictionary

from mfp.image_crops import CropSize
from mfp.region import Region

Place: TypeAlias = tuple[Region, CropSize]
"""A region of an image and the size of its crop."""


@dataclass(frozen=True, eq=False)
class CropFeatures:
    """What `CropModel.prepare` returned for a crop and for its mirror image; the latter is None without flip."""

    straight: Any
    mirrored: Any


class ImageFeatures:
    """Features of crops of one image. Those of the whole image stay, others as long as a session holds them.

    Every session begins with the whole image. It rarely happens that one comes back to another region.
    """

    def __init__(self, height: int, width: int) -> None:
        """`height` and `width` are those of the image, in pixels."""
        self._size = height, width
        self._held: WeakValueDictionary[Place, CropFeatures] = WeakValueDictionary()
        self._of_whole: CropFeatures | None = None  # read in `_held`; named here to be kept

    def at(self, place: Place, make: Callable[[], CropFeatures]) -> CropFeatures:
        """Those of a place, made now if there are none."""
        features = self._held.get(place)
        if features is None:
            features = self._held[place] = make()
            if (place[0].height, place[0].width) == self._size:
                self._of_whole = features
        return features


class SessionFeatures:
    """Features that one session uses; it holds those of its newest place."""

    def __init__(self, of_image: ImageFeatures) -> None:
        self._of_image = of_image
        self._newest: CropFeatures | None = None

    def at(self, place: Place, make: Callable[[], CropFeatures]) -> CropFeatures:
        """Those of a place, made now if no session on the image has them."""
        self._newest = self._of_image.at(place, make)
        return self._newest
