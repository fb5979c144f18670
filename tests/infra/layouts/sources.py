"""Small generated sources: encoded images, mask files, and what a reader makes of them."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import scipy.io
from PIL import Image

from infra import rle
from infra.layout_options import LayoutOptions
from infra.layouts import LAYOUTS
from infra.layouts.source_note import SourceNote
from infra.shards.sample import QuarantinedSample, Sample
from infra.storage.files import Storage

HEIGHT, WIDTH = 12, 16
_STANDARD = LayoutOptions()


def image_file(path: Path, height: int = HEIGHT, width: int = WIDTH) -> None:
    """Write an image of noise; the suffix chooses the format."""
    pixels = np.random.default_rng(0).integers(0, 256, (height, width, 3), dtype=np.uint8)
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.fromarray(pixels).save(path)


def mask_file(path: Path, values: npt.ArrayLike, palette: Sequence[int] | None = None) -> None:
    """Write (H, W) values as a grey image, as palette indices, or (H, W, C) values as colours."""
    image = Image.fromarray(np.asarray(values, dtype=np.uint8))
    if palette is not None:
        image.putpalette(palette)
    path.parent.mkdir(parents=True, exist_ok=True)
    image.save(path)


def sbd_file(path: Path, instances: npt.ArrayLike) -> None:
    """Write instance ids as SBD has them: a 1 x 1 structure GTinst with Segmentation as its first field."""
    structure = np.zeros(
        (1, 1), dtype=[("Segmentation", object), ("Boundaries", object), ("Categories", object)]
    )
    structure[0, 0] = (np.asarray(instances, dtype=np.uint8), np.zeros((0, 1)), np.array([[1]]))
    stream = io.BytesIO()
    scipy.io.savemat(stream, {"GTinst": structure}, do_compression=True)
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(stream.getvalue())


def rectangle(rows: slice, cols: slice, value: int = 255) -> npt.NDArray[np.uint8]:
    """Make (HEIGHT, WIDTH) values, zero but for a rectangle."""
    values = np.zeros((HEIGHT, WIDTH), np.uint8)
    values[rows, cols] = value
    return values


def read_all(
    layout: str, source: Path, options: LayoutOptions = _STANDARD
) -> tuple[list[Sample], list[QuarantinedSample]]:
    """Read a source to its end: the samples, and the records of what was set aside."""
    items = list(LAYOUTS[layout].read(str(source), Storage(), options))
    samples = [item for item in items if isinstance(item, Sample)]
    return samples, [item for item in items if isinstance(item, QuarantinedSample)]


def notes_of(layout: str, source: Path, options: LayoutOptions = _STANDARD) -> list[SourceNote]:
    """Read a source to its end: what is told of it beside samples and records."""
    items = LAYOUTS[layout].read(str(source), Storage(), options)
    return [item for item in items if isinstance(item, SourceNote)]


def masks_of(sample: Sample) -> dict[str, npt.NDArray[np.bool_]]:
    """Decode the objects of a sample: id to (H, W) bool."""
    return {truth.object_id: rle.decode(truth.rle, sample.height, sample.width) for truth in sample.objects}
