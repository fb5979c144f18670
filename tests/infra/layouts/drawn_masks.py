"""Masks of one disk, saved in every way in which people save masks."""

from __future__ import annotations

import io
from typing import Any

import cv2
import numpy as np
import numpy.typing as npt
from PIL import Image

from infra.layouts.mask_reading import MaskReading

HEIGHT, WIDTH = 60, 80
BINARY, INSTANCES = MaskReading("binary"), MaskReading("instances")


def disk() -> npt.NDArray[np.bool_]:
    """(HEIGHT, WIDTH): the object of these tests, which is off the middle so that no turn keeps it."""
    rows, cols = np.mgrid[:HEIGHT, :WIDTH]
    return np.asarray((rows - 24) ** 2 + (cols - 50) ** 2 < 16**2)


def saved(
    pixels: npt.NDArray[Any], image_format: str = "PNG", mode: str | None = None, **options: Any
) -> bytes:
    stream = io.BytesIO()
    image = Image.fromarray(pixels) if mode is None else Image.fromarray(pixels).convert(mode)
    image.save(stream, image_format, **options)
    return stream.getvalue()


def with_palette(indices: npt.NDArray[np.uint8], palette: list[int], **options: Any) -> bytes:
    image = Image.fromarray(indices).convert("L")
    image = Image.frombytes("P", image.size, image.tobytes())
    image.putpalette(palette)
    stream = io.BytesIO()
    image.save(stream, "PNG", **options)
    return stream.getvalue()


def grey(background: int = 0, value: int = 255) -> npt.NDArray[np.uint8]:
    return np.where(disk(), value, background).astype(np.uint8)


def colours(background: tuple[int, int, int], value: tuple[int, int, int]) -> npt.NDArray[np.uint8]:
    return np.where(disk()[:, :, None], value, background).astype(np.uint8)


def with_alpha(rgb: npt.NDArray[np.uint8], alpha: npt.NDArray[Any]) -> npt.NDArray[np.uint8]:
    return np.concatenate([rgb, alpha.astype(np.uint8)[:, :, None]], axis=2)


def photograph() -> npt.NDArray[np.uint8]:
    noise = np.random.default_rng(0).integers(40, 220, (HEIGHT, WIDTH, 3))
    return np.asarray(cv2.GaussianBlur(noise.astype(np.uint8), (0, 0), 2), np.uint8)


def soft(radius: float = 1.5) -> npt.NDArray[np.uint8]:
    return np.asarray(cv2.GaussianBlur(grey(), (0, 0), radius), np.uint8)


def tiff(values: npt.NDArray[Any]) -> bytes:
    return bytes(cv2.imencode(".tiff", values)[1].tobytes())


def deep_png(values: npt.NDArray[np.uint16]) -> bytes:
    return bytes(cv2.imencode(".png", values)[1].tobytes())


OPAQUE, CUT_OUT = np.full((HEIGHT, WIDTH), 255), np.where(disk(), 255, 0)
BLACK, WHITE, RED, GREEN = (0, 0, 0), (255, 255, 255), (200, 0, 0), (0, 180, 0)
