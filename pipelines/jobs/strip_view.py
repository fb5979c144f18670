"""Which part of an image the frames of a film strip show, and how large."""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
import numpy.typing as npt

from mfp.region import Region

_SIDE = 250  # pixels of the longer side of a frame
_THINNEST = 32  # pixels of the shorter side at least
_MARGIN = 0.25  # around what is to be seen, as a share of it
_SMALLEST = 48  # pixels of the image that are shown at least, if it has them
_MOST_LONGISH = 4  # times as long as wide: of a long thin object more is shown of what lies beside it


@dataclass(frozen=True)
class StripView:
    """A part of an image, shown in frames of one size.

    Attributes:
        crop: the part, in pixels of the image.
    """

    crop: Region

    @classmethod
    def around(cls, seen: npt.NDArray[np.bool_]) -> StripView:
        """What is to be seen, (H, W) bool, with a margin; the whole image if that is nothing."""
        rows, columns = np.flatnonzero(seen.any(axis=1)), np.flatnonzero(seen.any(axis=0))
        height, width = seen.shape
        if not len(rows):
            return cls(Region(0, height - 1, 0, width - 1))
        row_min, row_max = _with_margin(int(rows[0]), int(rows[-1]), height)
        col_min, col_max = _with_margin(int(columns[0]), int(columns[-1]), width)
        least = max(row_max - row_min + 1, col_max - col_min + 1) // _MOST_LONGISH
        return cls(
            Region(*_widened(row_min, row_max, height, least), *_widened(col_min, col_max, width, least))
        )

    @property
    def size(self) -> tuple[int, int]:
        """(width, height) of a frame. What is very thin is stretched, so that it is seen at all."""
        scale = _SIDE / max(self.crop.width, self.crop.height)
        return (
            max(_THINNEST, round(self.crop.width * scale)),
            max(_THINNEST, round(self.crop.height * scale)),
        )

    def pixels(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The part of an image, (H, W, 3), as a frame."""
        crop = self.crop
        return self.frame(image[crop.row_min : crop.row_max + 1, crop.col_min : crop.col_max + 1])

    def frame(self, part: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The pixels of the part, (crop.height, crop.width, 3), as a frame."""
        way = cv2.INTER_AREA if self.size[0] < self.crop.width else cv2.INTER_LINEAR
        return np.array(cv2.resize(np.ascontiguousarray(part), self.size, interpolation=way), np.uint8)

    def mask(self, mask: npt.NDArray[np.bool_]) -> npt.NDArray[np.bool_]:
        """The part of a mask, (H, W), as a frame."""
        part = np.ascontiguousarray(self.crop.window(mask)).astype(np.uint8)
        return cv2.resize(part, self.size, interpolation=cv2.INTER_NEAREST).astype(np.bool_)

    def point(self, y: float, x: float) -> tuple[int, int]:
        """(x, y) in a frame of the middle of a pixel of the image; it may lie outside."""
        width, height = self.size
        return (
            round((x - self.crop.col_min + 0.5) * width / self.crop.width),
            round((y - self.crop.row_min + 0.5) * height / self.crop.height),
        )

    def whereabouts(self, image: npt.NDArray[np.uint8]) -> npt.NDArray[np.uint8]:
        """The whole image in a frame, with a box around the part that the other frames show."""
        (width, height), (rows, columns) = self.size, image.shape[:2]
        scale = min(width / columns, height / rows)
        shape = (
            min(width, max(_THINNEST, round(columns * scale))),
            min(height, max(_THINNEST, round(rows * scale))),
        )
        small = np.asarray(cv2.resize(image, shape, interpolation=cv2.INTER_AREA), np.uint8)
        across, down, crop = shape[0] / columns, shape[1] / rows, self.crop
        first = (round(crop.col_min * across), round(crop.row_min * down))
        last = (round((crop.col_max + 1) * across) - 1, round((crop.row_max + 1) * down) - 1)
        for colour, thickness in (((0, 0, 0), 4), ((255, 255, 255), 2)):  # seen on light and on dark
            cv2.rectangle(small, first, last, colour, thickness)
        frame = np.full((height, width, 3), 255, np.uint8)
        frame[: shape[1], : shape[0]] = small
        return frame


def _with_margin(first: int, last: int, length: int) -> tuple[int, int]:
    size = last - first + 1
    return _widened(first, last, length, max(round(size * (1 + _MARGIN)), size + 4, _SMALLEST))


def _widened(first: int, last: int, length: int, least: int) -> tuple[int, int]:
    """At least so many of `length` pixels, with what is given in the middle of them unless it is near an end."""
    size = max(last - first + 1, min(least, length))
    low = max(0, min(length - size, first - (size - (last - first + 1)) // 2))
    return low, low + size - 1
