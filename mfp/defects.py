"""What segmentation models get wrong about an object, and in which order each error takes hold of pixels."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

from mfp.distance import distance_to, object_distance
from mfp.smooth_noise import smooth_noise


@dataclass(frozen=True, eq=False)
class Defect:
    """An error that grows pixel by pixel.

    Attributes:
        order: (H, W) float64; pixels are taken in the order of these values, smallest first, and never at infinity.
        is_object: (H, W) bool, what they are called once they are taken, whatever they were called before.
    """

    order: NDArray[np.float64]
    is_object: NDArray[np.bool_]


MakeDefect: TypeAlias = Callable[[NDArray[np.bool_], np.random.Generator], Defect]
"""Makes a defect of a mask, (H, W) bool with at least one pixel in it."""


def rounded_shape(mask: NDArray[np.bool_], draw: np.random.Generator) -> Defect:
    """Thin parts are lost and bays are filled, as if the mask had been drawn with few pixels.

    Pixels whose surroundings are of both kinds alike stay: changing them would turn a straight boundary inside out.
    """
    radius = max(1, round((0.08 + 0.12 * draw.random()) * _size(mask)))
    share = _mean_around(_mean_around(mask.astype(np.float64), radius), radius)
    order = np.where(mask, share, 1 - share)
    return Defect(np.where(order < 0.45, order, np.inf), ~mask)


def shifted_boundary(mask: NDArray[np.bool_], draw: np.random.Generator) -> Defect:
    """The boundary is off: too far out in some places, too far in at others."""
    bias = 0.3 * (2 * draw.random() - 1)
    speed = _noise(mask, draw, 0.5) + 0.4 * _noise(mask, draw, 0.15) + bias
    distance = np.where(mask, distance_to(~mask), distance_to(mask)).astype(np.float64)
    return Defect(distance / np.maximum(np.abs(speed), 1e-6), speed > 0)


def missing_piece(mask: NDArray[np.bool_], draw: np.random.Generator) -> Defect:
    """A piece at the boundary is not found. Of three places the one that sticks out most is taken."""
    pixels = np.argwhere(mask)
    centre = pixels.mean(axis=0)
    boundary = np.argwhere(mask & (distance_to(~mask) <= 1))
    places = [_one_of(boundary if len(boundary) else pixels, draw) for _ in range(3)]
    farthest = max(places, key=lambda place: float(((place - centre) ** 2).sum()))
    return Defect(_blob(mask, farthest, draw), np.zeros_like(mask))


def false_piece(mask: NDArray[np.bool_], draw: np.random.Generator) -> Defect:
    """Something beside the object is taken for a part of it."""
    seeds = np.argwhere(~mask & (distance_to(mask) <= 1))
    order = _blob(mask, _one_of(seeds, draw), draw) if len(seeds) else np.full(mask.shape, np.inf)
    return Defect(order, np.ones_like(mask))


def hole(mask: NDArray[np.bool_], draw: np.random.Generator) -> Defect:
    """Something inside the object is taken for background."""
    depth = distance_to(~mask)
    seeds = np.argwhere(mask & (depth >= 0.5 * depth.max()))
    return Defect(_blob(mask, _one_of(seeds, draw), draw), np.zeros_like(mask))


PIECES: Final[tuple[tuple[MakeDefect, float], ...]] = (
    (missing_piece, 0.7),
    (false_piece, 0.6),
    (hole, 0.25),
)
"""Defects that are somewhere, and the share of masks that have each."""


def faded_object(mask: NDArray[np.bool_], truth: NDArray[np.int8]) -> Defect:
    """What the mask has of the object is lost from the boundary of the mask inwards."""
    return Defect(np.where(mask & (truth == 1), object_distance(mask), np.inf), np.zeros_like(mask))


def several_pieces(mask: NDArray[np.bool_], draw: np.random.Generator) -> Defect:
    """At least one of the pieces. Each grows at a pace of its own, and keeps the pixels that it took first."""
    first = np.full(mask.size, np.inf)
    is_object = mask.ravel().copy()
    drawn = [(make, draw.random() < share, 0.3 + 0.7 * draw.random()) for make, share in PIECES]
    for make, is_there, pace in drawn:
        if is_there or (make is missing_piece and not any(there for _, there, _ in drawn)):
            piece = make(mask, draw)
            pixels = np.argsort(piece.order, axis=None, kind="stable")
            pixels = pixels[np.isfinite(piece.order.ravel()[pixels])]
            called = piece.is_object.ravel()[pixels]
            when = np.cumsum(called != mask.ravel()[pixels]) / pace
            is_first = when < first[pixels]
            first[pixels[is_first]] = when[is_first]
            is_object[pixels[is_first]] = called[is_first]
    return Defect(first.reshape(mask.shape), is_object.reshape(mask.shape))


def _size(mask: NDArray[np.bool_]) -> float:
    """Square root of the area, pixels."""
    return math.sqrt(np.count_nonzero(mask))


def _noise(mask: NDArray[np.bool_], draw: np.random.Generator, share: float) -> NDArray[np.float64]:
    """(H, W) smooth noise in [-1, 1], whose hills are as wide as that share of the object's size."""
    return smooth_noise(draw, mask.shape[0], mask.shape[1], max(share * _size(mask), 2.0))


def _blob(mask: NDArray[np.bool_], seed: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.float64]:
    """Squared distance from a pixel, stretched in one direction and made uneven."""
    dy = np.arange(mask.shape[0])[:, None] - float(seed[0])
    dx = np.arange(mask.shape[1])[None, :] - float(seed[1])
    v, u = 2 * draw.random() - 1, 2 * draw.random() - 1
    length = math.sqrt(v * v + u * u) or 1.0
    across = dy * (v / length) + dx * (u / length)
    squares = dy * dy + dx * dx + 3 * draw.random() * (across * across)
    uneven = 1.0 + 0.6 * _noise(mask, draw, 0.35) + 0.35 * _noise(mask, draw, 0.12)
    return np.asarray(squares * uneven)


def _one_of(pixels: NDArray[np.int64], draw: np.random.Generator) -> NDArray[np.int64]:
    return np.asarray(pixels[int(draw.random() * len(pixels))])


def _mean_around(values: NDArray[np.float64], radius: int) -> NDArray[np.float64]:
    """The mean over the square of 2 radius + 1 pixels around each; the outermost pixels go on beyond the image."""
    for _ in range(2):
        padded = np.pad(values, ((radius + 1, radius), (0, 0)), mode="edge")
        sums = np.cumsum(padded, axis=0)
        values = ((sums[2 * radius + 1 :] - sums[: -2 * radius - 1]) / (2 * radius + 1)).T
    return values
