"""Small images, masks and samples for tests of shards and layouts."""

from __future__ import annotations

import io
from pathlib import Path

import numpy as np
import numpy.typing as npt
from PIL import Image

from infra import rle
from infra.json_text import JsonValue
from infra.shards.image_file import stored_image
from infra.shards.sample import ObjectTruth, Sample


def random_pixels(height: int, width: int, seed: int = 0) -> npt.NDArray[np.uint8]:
    """(H, W, 3) uint8 noise."""
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), dtype=np.uint8)


def encoded(pixels: npt.NDArray[np.generic], image_format: str = "PNG") -> bytes:
    """Pixels as the bytes of an image file."""
    stream = io.BytesIO()
    Image.fromarray(np.asarray(pixels)).save(stream, image_format)
    return stream.getvalue()


def rectangle(height: int, width: int, rows: slice, columns: slice) -> npt.NDArray[np.bool_]:
    """(H, W) bool, True in the rectangle."""
    mask = np.zeros((height, width), bool)
    mask[rows, columns] = True
    return mask


def sample(
    key: str, height: int = 12, width: int = 16, attributes: dict[str, JsonValue] | None = None
) -> Sample:
    """A PNG of noise with two objects and an ignored border."""
    image = stored_image(encoded(random_pixels(height, width, seed=len(key))))
    masks = {
        "1": rectangle(height, width, slice(0, 3), slice(1, 9)),
        "2": rectangle(height, width, slice(4, 9), slice(2, 5)),
    }
    return Sample(
        key=key,
        image_bytes=image.data,
        extension=image.extension,
        height=height,
        width=width,
        objects=tuple(
            ObjectTruth(name, rle.encode(mask), {"area": int(mask.sum())}) for name, mask in masks.items()
        ),
        ignore_rle=rle.encode(rectangle(height, width, slice(height - 1, height), slice(None))),
        attributes=attributes or {},
    )


def write_image(path: Path, pixels: npt.NDArray[np.generic]) -> None:
    """Store pixels as an image file, in a folder that is made if need be."""
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(np.asarray(pixels)).save(path)
