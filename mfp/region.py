"""Zoom-in: the part of the image that the network looks at."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TypeVar

import cv2
import numpy as np
from numpy.typing import NDArray

from mfp.clicks import Click

PixelT = TypeVar("PixelT", bound=np.generic)


@dataclass(frozen=True)
class ZoomSettings:
    """How regions are chosen (defaults: the evaluation protocol).

    Attributes:
        expansion: size of a region over the size of the object's bounding box.
        min_size: shortest side of a region in image pixels, where the image is that large.
        recompute_overlap: a region is left once it overlaps the newly computed one by less than this share.
    """

    expansion: float = 1.4
    min_size: int = 200
    recompute_overlap: float = 0.5


@dataclass(frozen=True, slots=True)
class Region:
    """A rectangle of image pixels; both ends belong to it."""

    row_min: int
    row_max: int
    col_min: int
    col_max: int

    @property
    def height(self) -> int:
        """Number of rows."""
        return self.row_max - self.row_min + 1

    @property
    def width(self) -> int:
        """Number of columns."""
        return self.col_max - self.col_min + 1

    @property
    def rows(self) -> slice:
        """Its rows of those of the image."""
        return slice(self.row_min, self.row_max + 1)

    @property
    def cols(self) -> slice:
        """Its columns of those of the image."""
        return slice(self.col_min, self.col_max + 1)

    def window(self, pixels: NDArray[PixelT]) -> NDArray[PixelT]:
        """The region of (H, W) or (H, W, C) pixels of the image: its height and width come first; a view."""
        return pixels[self.rows, self.cols]

    def pixel(self, click: Click) -> tuple[int, int]:
        """(row, column), counted from those of the region, of the pixel that a click falls on."""
        y, x = click.pixel
        return y - self.row_min, x - self.col_min

    def to_crop(self, click: Click, crop_h: int, crop_w: int) -> Click:
        """The click (y, x in image pixels) in pixels of this region resized to (crop_h, crop_w).

        Coordinates come out as fractions, and outside the crop for a click outside the region.
        """
        return Click(
            crop_h * (click.y - self.row_min) / self.height,
            crop_w * (click.x - self.col_min) / self.width,
            click.is_foreground,
        )


def bounding_box(mask: NDArray[np.bool_]) -> Region | None:
    """The smallest region that holds all of a mask, (H, W) bool; None if it is empty."""
    left, top, width, height = cv2.boundingRect(np.ascontiguousarray(mask, dtype=np.bool_).view(np.uint8))
    if width == 0 or height == 0:
        return None
    return Region(top, top + height - 1, left, left + width - 1)


def next_region(
    previous: Region | None,
    found: Region | None,
    clicks: Sequence[Click],
    height: int,
    width: int,
    settings: ZoomSettings,
) -> Region:
    """The region for the next pass: the previous one while it serves, else one around the predicted object.

    The previous one serves while every foreground click lies inside it (its last row and column count as
    outside) and it overlaps the newly computed one by at least `settings.recompute_overlap` (the product over
    both axes of intersection / union). The new one is the bounding box of the predicted object and the
    foreground clicks, expanded and clamped to the image; the whole image where nothing is predicted.

    Args:
        previous: the region of the session's last pass; None before the first.
        found: the bounding box of the object: where the previous map is > 0.5, or the box that somebody drew around it;
            None if nothing is known of it.
        clicks: all clicks of the session with the newest, (y, x) in image pixels.
        height, width: size of the image in pixels.
        settings: expansion, smallest side and overlap.

    Source: zoom-in of the evaluation protocol of RITM and its successors.
    """
    fresh = _region_around_object(found, clicks, height, width, settings)
    if previous is None or not _holds_foreground(previous, clicks):
        return fresh
    return fresh if _overlap(previous, fresh) < settings.recompute_overlap else previous


def _region_around_object(
    found: Region | None, clicks: Sequence[Click], height: int, width: int, settings: ZoomSettings
) -> Region:
    if found is None:
        return Region(0, height - 1, 0, width - 1)
    pixels = [click.pixel for click in clicks if click.is_foreground]
    rows = [found.row_min, found.row_max, *(y for y, _ in pixels)]
    cols = [found.col_min, found.col_max, *(x for _, x in pixels)]
    row_min, row_max = _expand(min(rows), max(rows), height, settings)
    col_min, col_max = _expand(min(cols), max(cols), width, settings)
    return Region(row_min, row_max, col_min, col_max)


def _expand(first: int, last: int, size: int, settings: ZoomSettings) -> tuple[int, int]:
    centre = 0.5 * (first + last)
    half = 0.5 * max(settings.expansion * (last - first + 1), settings.min_size)
    # Halves round to the even neighbour, as in the released implementation.
    return max(0, round(centre - half)), min(size - 1, round(centre + half))


def _holds_foreground(region: Region, clicks: Sequence[Click]) -> bool:
    return all(
        region.row_min <= click.y < region.row_max and region.col_min <= click.x < region.col_max
        for click in clicks
        if click.is_foreground
    )


def _overlap(a: Region, b: Region) -> float:
    return _axis_overlap(a.row_min, a.row_max, b.row_min, b.row_max) * _axis_overlap(
        a.col_min, a.col_max, b.col_min, b.col_max
    )


def _axis_overlap(a_first: int, a_last: int, b_first: int, b_last: int) -> float:
    intersection = max(0, min(a_last, b_last) - max(a_first, b_first) + 1)
    return intersection / (max(a_last, b_last) - min(a_first, b_first) + 1)
