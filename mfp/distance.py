"""Exact Euclidean distance inside a mask: how deep each pixel lies, and how far from it."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True)
class BoxedDistance:
    """Distances on the bounding box of a mask; outside the box every distance is 0.

    Attributes:
        top, left: first row and column of the box, in pixels of the mask. 0, 0 for an empty mask.
        distance: (h, w) float32, pixels, of the box alone; (0, 0) for an empty mask.
    """

    top: int
    left: int
    distance: NDArray[np.float32]


def object_distance(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Euclidean distance of every True pixel to the nearest False one; all beyond the image counts as False.

    Args:
        mask: (H, W) bool.

    Returns:
        (H, W) float32, pixels, 0 where the mask is False. Equal distances are equal numbers, so the first
        largest pixel is well defined.
    """
    boxed = boxed_distance(mask)
    height, width = boxed.distance.shape
    whole = np.zeros(mask.shape, np.float32)
    whole[boxed.top : boxed.top + height, boxed.left : boxed.left + width] = boxed.distance
    return whole


def boxed_distance(mask: NDArray[np.bool_]) -> BoxedDistance:
    """The distances of `object_distance`, computed and returned on the bounding box of the mask (H, W) only.

    The box is all that is needed: just outside it every pixel is False, and none farther out is nearer.
    """
    pixels = np.ascontiguousarray(mask, dtype=np.bool_).view(np.uint8)
    left, top, width, height = cv2.boundingRect(pixels)
    if width == 0 or height == 0:
        return BoxedDistance(0, 0, np.zeros((0, 0), np.float32))
    bordered = np.zeros((height + 2, width + 2), np.uint8)
    bordered[1:-1, 1:-1] = pixels[top : top + height, left : left + width]
    depth = cv2.distanceTransform(bordered, cv2.DIST_L2, cv2.DIST_MASK_PRECISE)[1:-1, 1:-1]
    return BoxedDistance(top, left, _roots_of_whole_squares(depth))


def distance_to(mask: NDArray[np.bool_]) -> NDArray[np.float32]:
    """Euclidean distance of every pixel to the nearest True one; nothing lies beyond the image.

    Args:
        mask: (H, W) bool.

    Returns:
        (H, W) float32, pixels, 0 where the mask is True, and infinite everywhere if it is so nowhere. Equal distances
        are equal numbers.
    """
    if not mask.any():
        return np.full(mask.shape, np.inf, np.float32)
    others = np.ascontiguousarray(~mask).view(np.uint8)
    return _roots_of_whole_squares(cv2.distanceTransform(others, cv2.DIST_L2, cv2.DIST_MASK_PRECISE))


def _roots_of_whole_squares(depth: cv2.typing.MatLike) -> NDArray[np.float32]:
    """Give equal distances equal numbers.

    The last bit of OpenCV's square root depends on the memory a pixel lies in (its vector code and its scalar
    tail round differently), even from one process to the next, and would decide ties. Squared distances on a
    grid are whole numbers, which float32 recovers exactly up to 1,200 px of depth.
    """
    square: NDArray[np.float32] = np.rint(np.multiply(depth, depth, dtype=np.float32))
    return np.sqrt(square, out=square)
