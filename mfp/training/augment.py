"""Random views of a training image and its object.

Where each pixel goes is worked out first, as one affine map; then image and label are drawn once, as large as the view.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import TypeAlias

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfp.training.augment_settings import IGNORED, AugmentSettings

_DRAWS = 5
_LARGEST_SCALE = 4
_DEGREES = 3.0
_SHIFT = 0.03  # of the image's sides
# Brightness +-0.25 and contrast -0.15..0.4 of the protocol, as factors; +-10 of 255 on each channel.
_BRIGHTNESS = 0.75, 1.25
_CONTRAST = 0.85, 1.4
_RGB_SHIFT = 10.0
_GREY = np.array([0.299, 0.587, 0.114])  # ITU-R BT.601
_SMALLEST_SCALE = 0.5  # below it a bilinear sample leaves pixels out: they are averaged first

_Floats: TypeAlias = NDArray[np.float64]
_Image: TypeAlias = NDArray[np.uint8]
_Label: TypeAlias = NDArray[np.int8]


@dataclass(frozen=True)
class _Placed:
    """An image laid on a canvas: the point (x, y) of the image lies at `turn @ (x, y) + shift`.

    Points are continuous: the middle of the first pixel is (0.5, 0.5).

    Attributes:
        turn: (2, 2).
        shift: (2,).
        width, height: of the canvas, pixels. What lies beside it is lost.
    """

    turn: _Floats
    shift: _Floats
    width: float
    height: float

    def at(self, points: _Floats) -> _Floats:
        """(N, 2) points of the image -> where they lie, on the canvas at least."""
        return np.clip(points @ self.turn.T + self.shift, 0.0, (self.width, self.height))

    def then(self, turn: _Floats, shift: _Floats, width: float, height: float) -> _Placed:
        """The canvas laid on another one."""
        return _Placed(turn @ self.turn, turn @ self.shift + shift, width, height)


class _Object:
    """The object of a label, as far as views ask for it."""

    def __init__(self, label: _Label) -> None:
        self._pixels = label == 1
        rows = np.flatnonzero(self._pixels.any(axis=1))
        first = self._pixels[rows].argmax(axis=1)
        last = label.shape[1] - self._pixels[rows, ::-1].argmax(axis=1)
        corners = [(x, y) for x in (first, last) for y in (rows, rows + 1)]
        self._outline = np.concatenate([np.stack(corner, axis=1) for corner in corners]).astype(np.float64)
        self._flat: NDArray[np.int64] | None = None

    @property
    def is_empty(self) -> bool:
        """No pixel is the object's."""
        return len(self._outline) == 0

    def box(self, placed: _Placed) -> tuple[_Floats, _Floats]:
        """The smallest and the largest (x, y) of the object on a canvas."""
        points = placed.at(self._outline)
        return points.min(axis=0), points.max(axis=0)

    def random_point(self, rng: np.random.Generator) -> _Floats:
        """(1, 2): the middle of a pixel of the object, in the image."""
        if self._flat is None:
            self._flat = np.flatnonzero(self._pixels)
        y, x = divmod(int(self._flat[rng.integers(len(self._flat))]), self._pixels.shape[1])
        return np.array([[x + 0.5, y + 0.5]])


def augmented_view(
    image: _Image, label: _Label, settings: AugmentSettings, seed: int
) -> tuple[Tensor, Tensor] | None:
    """One random view.

    Args:
        image: (H, W, 3) uint8 RGB.
        label: (H, W) int8, 1 object, 0 background, -1 ignored.
        settings: ranges.
        seed: the view depends on this number and the arguments only.

    Returns:
        (3, *crop_size) uint8, a pixel's channels side by side in memory, and (1, *crop_size) int8; None if no view has
        enough of the object.
    """
    rng = np.random.default_rng(seed)
    thing = _Object(label)
    if thing.is_empty:
        return None
    # Last of all a frame close around the object, which shows as much of it as can be shown.
    close = replace(
        settings,
        zoom_probability=1.0,
        geometry_probability=0.0,
        smallest_frame=min(settings.crop_size) // _LARGEST_SCALE,
    )
    for drawn in (*(settings,) * _DRAWS, close):
        placed = _placed_view(label.shape[1], label.shape[0], thing, drawn, rng)
        view_label = _drawn_label(label, placed)
        if np.count_nonzero(view_label == 1) >= settings.smallest_object:
            view = _coloured(_drawn_image(image, placed), settings, rng)
            return torch.from_numpy(view).permute(2, 0, 1), torch.from_numpy(view_label[None])
    return None


def _placed_view(
    width: int, height: int, thing: _Object, settings: AugmentSettings, rng: np.random.Generator
) -> _Placed:
    """An image of so many pixels on the canvas of a view."""
    placed = _Placed(np.eye(2), np.zeros(2), width, height)
    if rng.random() < settings.geometry_probability:
        placed = _moved(placed, rng)
    if rng.random() < 0.5:
        mirror = np.array([[-1.0, 0.0], [0.0, 1.0]])
        placed = placed.then(mirror, np.array([placed.width, 0.0]), placed.width, placed.height)
    if rng.random() < settings.turn_probability:
        for _ in range(rng.integers(1, 4)):
            quarter = np.array([[0.0, 1.0], [-1.0, 0.0]])
            placed = placed.then(quarter, np.array([0.0, placed.width]), placed.height, placed.width)
    is_zoomed = rng.random() < settings.zoom_probability
    scale = _zoom_scale(thing.box(placed), settings, rng) if is_zoomed else _log_uniform(settings.resize, rng)
    placed = placed.then(
        np.eye(2) * scale,
        np.zeros(2),
        max(1, round(placed.width * scale)),
        max(1, round(placed.height * scale)),
    )
    return _cut(placed, thing, settings.crop_size, rng, whole=is_zoomed)


def _moved(placed: _Placed, rng: np.random.Generator) -> _Placed:
    """Turned a little about its middle and shifted by whole pixels, on a canvas of the same size."""
    angle = np.deg2rad(rng.uniform(-_DEGREES, _DEGREES))
    turn = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
    size = np.array([placed.width, placed.height])
    shift = np.round(rng.uniform(-_SHIFT, _SHIFT, 2) * size)
    return placed.then(turn, size / 2 - turn @ (size / 2) + shift, placed.width, placed.height)


def _zoom_scale(box: tuple[_Floats, _Floats], settings: AugmentSettings, rng: np.random.Generator) -> float:
    """The scale at which a frame around the object, margin included, becomes the view."""
    margin = _log_uniform(settings.zoom_margin, rng)
    frames = np.maximum(settings.smallest_frame, (box[1] - box[0]) * margin)
    return float(np.min(np.array(settings.crop_size[::-1]) / frames))


def _log_uniform(bounds: tuple[float, float], rng: np.random.Generator) -> float:
    return float(np.exp(rng.uniform(*np.log(bounds))))


def _cut(
    placed: _Placed, thing: _Object, size: tuple[int, int], rng: np.random.Generator, *, whole: bool
) -> _Placed:
    """A crop of (height, width) `size` of the canvas; what lies beside the canvas is ignored in the label.

    Uniform among the crops that hold a random pixel of the object, or, `whole`, all of it as far as it fits.
    """
    first, last = thing.box(placed) if whole else (placed.at(thing.random_point(rng))[0],) * 2
    left, top = (
        _start(int(low), max(int(low), int(np.ceil(high)) - 1), side, max(side, round(length)), rng)
        for low, high, side, length in zip(
            first, last, size[::-1], (placed.width, placed.height), strict=True
        )
    )
    return placed.then(np.eye(2), np.array([-left, -top], np.float64), size[1], size[0])


def _start(first: int, last: int, side: int, length: int, rng: np.random.Generator) -> int:
    """Where a crop may start that holds rows (or columns) first to last; what is longer than a crop fills it."""
    lowest, highest = max(0, last - side + 1), min(first, length - side)
    low, high = sorted((min(lowest, length - side), highest))
    return int(rng.integers(low, high + 1))


def _drawn_image(image: _Image, placed: _Placed) -> _Image:
    """(height, width, 3) uint8: the canvas; black where there is no image."""
    scale = float(np.sqrt(abs(np.linalg.det(placed.turn))))
    if scale < _SMALLEST_SCALE:
        height, width = image.shape[:2]
        smaller = tuple(max(1, round(side * scale / _SMALLEST_SCALE)) for side in (width, height))
        image = np.asarray(cv2.resize(image, smaller, interpolation=cv2.INTER_AREA), np.uint8)
        placed = replace(placed, turn=placed.turn * (width / smaller[0], height / smaller[1]))
    return np.asarray(_warped(image, placed, cv2.INTER_LINEAR, 0), np.uint8)


def _drawn_label(label: _Label, placed: _Placed) -> _Label:
    """(height, width) int8: the canvas; ignored where there is no image."""
    drawn: _Label = _warped(label.view(np.uint8), placed, cv2.INTER_NEAREST, IGNORED % 256).view(np.int8)
    return drawn


def _warped(pixels: _Image, placed: _Placed, interpolation: int, fill: int) -> _Image:
    # OpenCV counts from the middle of the first pixel.
    shift = placed.shift + placed.turn @ (0.5, 0.5) - 0.5
    size = int(placed.width), int(placed.height)
    warped = cv2.warpAffine(
        np.ascontiguousarray(pixels),
        np.column_stack((placed.turn, shift)),
        size,
        flags=interpolation,
        borderMode=cv2.BORDER_CONSTANT,
        borderValue=(fill, fill, fill),
    )
    return np.asarray(warped, np.uint8)


def _coloured(image: _Image, settings: AugmentSettings, rng: np.random.Generator) -> _Image:
    levels = np.arange(256.0)[:, None]  # (256, 1 or 3): what becomes of each level, in each channel
    if rng.random() < settings.colour_probability:
        brightness, contrast = rng.uniform(*_BRIGHTNESS), rng.uniform(*_CONTRAST)
        mean = float(np.array(cv2.mean(image)[:3]) @ _GREY)
        if rng.random() < 0.5:
            bright = np.clip(levels * brightness, 0, 255)
            middle = min(mean * brightness, 255.0)
            levels = (bright - middle) * contrast + middle
        else:
            levels = np.clip((levels - mean) * contrast + mean, 0, 255) * brightness
    if rng.random() < settings.colour_probability:
        levels = np.clip(levels, 0, 255) + rng.uniform(-_RGB_SHIFT, _RGB_SHIFT, 3)
    table = np.broadcast_to(np.clip(np.round(levels), 0, 255).astype(np.uint8), (256, 3))
    return np.asarray(cv2.LUT(image, np.ascontiguousarray(table)[:, None]), np.uint8)
