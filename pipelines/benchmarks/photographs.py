"""Photographs that are made up: benchmarks need no data set, and two machines click the same objects."""

from __future__ import annotations

from typing import TypeAlias

import cv2
import numpy as np
from numpy.typing import NDArray

from infra import rle
from infra.shards.sample import ObjectTruth, Sample

HEIGHT, WIDTH = 375, 500
"""A common size of PASCAL VOC's photographs, pixels."""

_JPEG_QUALITY = 92
_WAVES = 5  # in the outline of an object
_NUM_OTHERS = 3  # objects that are not meant
_Floats: TypeAlias = NDArray[np.float32]


def photograph(number: int) -> Sample:
    """Photograph number so and so: a JPEG of coloured textures with one object, which depends on the number alone."""
    rng = np.random.default_rng(number)
    pixels = _texture(rng)
    for _ in range(_NUM_OTHERS):
        _paint(pixels, _blob(rng, 0.05, 0.15), rng)
    mask = _blob(rng, 0.12, 0.3)
    _paint(pixels, mask, rng)
    grain = rng.normal(0, 4, pixels.shape).astype(np.float32)
    encoded = cv2.imencode(
        ".jpg", np.clip(pixels + grain, 0, 255).astype(np.uint8), [cv2.IMWRITE_JPEG_QUALITY, _JPEG_QUALITY]
    )[1]
    truth = ObjectTruth("1", rle.encode(mask))
    return Sample(f"photograph-{number:05d}", encoded.tobytes(), "jpg", HEIGHT, WIDTH, (truth,))


def _texture(rng: np.random.Generator) -> _Floats:
    """(H, W, 3) float32 about 0..255: a colour with coarse and fine variations."""
    pixels = np.tile(rng.uniform(60, 200, 3).astype(np.float32), (HEIGHT, WIDTH, 1))
    for scale, strength in ((8, 40), (40, 25), (120, 15)):
        size = (max(2, WIDTH * scale // 500), max(2, HEIGHT * scale // 500))
        noise = rng.standard_normal((size[1], size[0], 3)).astype(np.float32)
        pixels += strength * cv2.resize(noise, (WIDTH, HEIGHT), interpolation=cv2.INTER_CUBIC)
    return pixels


def _blob(rng: np.random.Generator, smallest: float, largest: float) -> NDArray[np.bool_]:
    """(H, W) bool: an ellipse with a wavy outline, its radii as shares of the image's sides."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH].astype(np.float32)
    radius_y, radius_x = rng.uniform(smallest, largest, 2) * (HEIGHT, WIDTH)
    y = (rows - rng.uniform(0.3, 0.7) * HEIGHT) / radius_y
    x = (cols - rng.uniform(0.3, 0.7) * WIDTH) / radius_x
    angle, outline = np.arctan2(y, x), np.ones((HEIGHT, WIDTH), np.float32)
    for wave in range(2, 2 + _WAVES):
        outline += rng.uniform(0, 0.3) / wave * np.cos(wave * angle + rng.uniform(0, 2 * np.pi))
    return np.asarray(np.hypot(y, x) < outline)


def _paint(pixels: _Floats, mask: NDArray[np.bool_], rng: np.random.Generator) -> None:
    """Put another texture where the mask is, with a soft edge."""
    edge = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2)[:, :, None]
    pixels += edge * (_texture(rng) - pixels)
