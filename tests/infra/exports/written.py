"""Samples as exports are given them, and an export of them, for tests."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt

from infra import rle
from infra.exports.export_format import ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.file_name import path_of_key
from infra.exports.format_names import FormatName
from infra.exports.formats import FORMATS
from infra.runs.tables import BoundingBox
from infra.storage.files import Storage
from tests.infra.sample_factory import encoded, random_pixels

HARD_NAMES = (
    "cat, dog",
    'say "no"',
    "it's <b> & </label>",
    "🐈‍⬛ chat",
    "a: b # c\n- d",
    "null",
    "\\ | \u2028",
)


def exported_object(
    object_id: str, mask: npt.NDArray[np.bool_], category: str = "object", figures: Mapping[str, float] = {}
) -> ExportedObject:
    """An object as a run has it."""
    counts = rle.encode(mask)
    box = BoundingBox(*rle.bbox(counts, *mask.shape))
    return ExportedObject(object_id, category, counts, box, int(mask.sum()), dict(figures))


def exported_sample(key: str, shape: tuple[int, int], objects: Sequence[ExportedObject]) -> ExportedSample:
    """A sample with a PNG of noise."""
    image = encoded(random_pixels(*shape, seed=len(key)))
    return ExportedSample(key, f"{path_of_key(key)}.png", *shape, image, tuple(objects))


def write_export(
    folder: Path, name: FormatName, samples: Sequence[ExportedSample], images: bool = False
) -> ExportTarget:
    """Write samples in a format, with their images if asked for."""
    provenance = {"description": "masks made by mfp", "model": "lite0"}
    target = ExportTarget(Storage(), str(folder), provenance, "rle", "")
    with closing(FORMATS[name].write(target)) as writer:
        for sample in samples:
            writer.add(sample)
            if images and not FORMATS[name].always_has_images:
                target.storage.write_bytes(f"{folder}/images/{sample.file_name}", sample.image_bytes)
        writer.finish()
    return target


def masks_read(
    target: ExportTarget, name: FormatName, samples: Sequence[ExportedSample]
) -> list[list[npt.NDArray[np.bool_]]]:
    """The masks of an export, (H, W) each, sample by sample."""
    with closing(FORMATS[name].read(target)) as reader:
        found = [
            [rle.decode(counts, sample.height, sample.width) for counts in reader.masks(sample)]
            for sample in samples
        ]
        reader.finish()
        return found


def round_trip(
    folder: Path, name: FormatName, masks: Sequence[npt.NDArray[np.bool_]], category: str = "object"
) -> list[npt.NDArray[np.bool_]]:
    """Masks of one image after they were written and read."""
    objects = [exported_object(str(place), mask, category) for place, mask in enumerate(masks)]
    sample = exported_sample("a", masks[0].shape, objects)
    (found,) = masks_read(write_export(folder, name, [sample]), name, [sample])
    return found
