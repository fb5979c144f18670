"""Samples for exports, made and drawn: masks of every kind, and names that files and formats stumble over."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from contextlib import closing
from pathlib import Path

import numpy as np
import numpy.typing as npt
from hypothesis import strategies as st

from infra import rle
from infra.exports.export_format import ExportFormat, ExportTarget
from infra.exports.exported_sample import ExportedObject, ExportedSample
from infra.exports.file_name import path_of_key
from infra.exports.format_names import Shape
from infra.json_text import JsonValue
from infra.runs.tables import BoundingBox
from infra.storage.files import Storage
from tests.infra.sample_factory import encoded, random_pixels

Mask = npt.NDArray[np.bool_]
TEXT = st.text(st.characters(exclude_categories=("Cs", "Cc")), min_size=1, max_size=8)
AWKWARD_KEYS = (
    "a",
    "a/b",
    "a.png/b",
    "a.png",
    "../up",
    "/abs",
    "a//b",
    "CON",
    "x.tar.gz",
    "ü/日本",
    ".hid",
    "a b ",
)
CLASSES = ("object", "cup, small", 'a "quoted" one', "Tasse 😀", "<b>&amp;", "it's", "日本", "semi;colon")


def exported_object(object_id: str, mask: Mask, category: str = "object") -> ExportedObject:
    counts = rle.encode(mask)
    box = BoundingBox(*rle.bbox(counts, *mask.shape))
    figures: dict[str, JsonValue] = {
        "iou": 0.5,
        "quality": 0.75,
        "num_clicks": 3,
        "model_id": "0123456789abcdef",
    }
    return ExportedObject(object_id, category, counts, box, int(mask.sum()), figures)


def exported_sample(key: str, masks: Sequence[Mask], categories: Sequence[str] = ()) -> ExportedSample:
    height, width = masks[0].shape if masks else (4, 6)
    names = categories or ["object"] * len(masks)
    objects = [
        exported_object(str(number), mask, name)
        for number, (mask, name) in enumerate(zip(masks, names, strict=True), start=1)
    ]
    image = encoded(random_pixels(height, width, seed=len(key)))
    return ExportedSample(key, f"{path_of_key(key)}.png", height, width, image, tuple(objects))


@st.composite
def masks(draw: st.DrawFn, height: int, width: int) -> Mask:
    """Noise of any density has holes, parts, pixels at borders; also none, all, and a single pixel."""
    kind = draw(st.sampled_from(["noise", "empty", "whole", "pixel", "frame"]))
    mask = np.zeros((height, width), bool)
    if kind == "noise":
        rng = np.random.default_rng(draw(st.integers(0, 2**32)))
        mask = rng.random((height, width)) < draw(st.floats(0, 1))
    elif kind == "whole":
        mask[:] = True
    elif kind == "pixel":
        mask[draw(st.integers(0, height - 1)), draw(st.integers(0, width - 1))] = True
    elif kind == "frame":
        mask[:] = True
        mask[1:-1, 1:-1] = False
    return mask


@st.composite
def samples(draw: st.DrawFn, *, are_apart: bool = False) -> list[ExportedSample]:
    """A few samples of different keys; `are_apart`: no mask is empty, and no two of an image overlap."""
    keys = draw(st.lists(st.sampled_from(AWKWARD_KEYS) | TEXT, min_size=1, max_size=4, unique=True))
    return [_sample(draw, key, are_apart) for key in keys]


def _sample(draw: st.DrawFn, key: str, are_apart: bool) -> ExportedSample:
    height, width = draw(st.integers(1, 9)), draw(st.integers(1, 9))
    drawn = draw(st.lists(masks(height, width), max_size=4))
    if are_apart:
        taken = np.zeros((height, width), bool)
        kept = []
        for mask in drawn:
            free = mask & ~taken
            taken |= free
            kept += [free] if free.any() else []
        drawn = kept
    ids = draw(st.lists(TEXT, min_size=len(drawn), max_size=len(drawn), unique=True))
    objects = tuple(
        exported_object(object_id, mask, draw(st.sampled_from(CLASSES)))
        for object_id, mask in zip(ids, drawn, strict=True)
    )
    image = encoded(random_pixels(height, width))
    return ExportedSample(key, f"{path_of_key(key)}.png", height, width, image, objects)


def target_at(url: str | Path, shape: Shape = "rle", prefix: str = "", split: str = "") -> ExportTarget:
    return ExportTarget(Storage(), str(url), {"description": "made by a test"}, shape, prefix, split)


def write(known: ExportFormat, target: ExportTarget, samples: Iterable[ExportedSample]) -> None:
    with closing(known.write(target)) as writer:
        for sample in samples:
            writer.add(sample)
        writer.finish()


def read(known: ExportFormat, target: ExportTarget, samples: Iterable[ExportedSample]) -> list[list[bytes]]:
    with closing(known.read(target)) as reader:
        found = [list(reader.masks(sample)) for sample in samples]
        reader.finish()
        return found


def masks_of(samples: Iterable[ExportedSample]) -> list[list[bytes]]:
    """What `read` returns if nothing was lost."""
    return [[one.rle for one in sample.objects] for sample in samples]
