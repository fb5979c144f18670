"""A reader is not fooled: what has changed between writing and reading back is found."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
import pytest

from infra.errors import ExportError, InfraError
from infra.exports.coco import COCO
from infra.exports.datasets import DATASETS
from infra.exports.export_format import ExportFormat
from infra.exports.lvis import LVIS
from infra.exports.png import PNG
from infra.exports.voc import VOC
from tests.infra.exports.drawn_samples import exported_sample, masks_of, read, target_at, write
from tests.infra.sample_factory import encoded, random_pixels

LEFT, RIGHT = np.zeros((4, 6), bool), np.zeros((4, 6), bool)
LEFT[1:3, :2], RIGHT[:, 4:] = True, True
SAMPLES = [
    exported_sample("first", [LEFT, RIGHT], ["cat", "dog"]),
    exported_sample("second", [RIGHT, LEFT], ["dog", "dog"]),
]
ALL = [COCO, LVIS, PNG, VOC, DATASETS]


def replace(path: Path, old: str, new: str) -> None:
    text = path.read_text()
    assert old in text
    path.write_text(text.replace(old, new, 1))


def swap(one: Path, other: Path) -> None:
    data = one.read_bytes()
    one.write_bytes(other.read_bytes())
    other.write_bytes(data)


def swap_lines(path: Path, one: str, other: str) -> None:
    lines = path.read_text().split("\n")
    places = [next(place for place, line in enumerate(lines) if text in line) for text in (one, other)]
    lines[places[0]], lines[places[1]] = lines[places[1]], lines[places[0]]
    path.write_text("\n".join(lines))


def drop_line(path: Path, text: str) -> None:
    lines = path.read_text().split("\n")
    del lines[next(place for place, line in enumerate(lines) if text in line)]
    path.write_text("\n".join(lines))


def rewrite_rows(path: Path, change: Callable[[list[dict[str, Any]]], None]) -> None:
    table = pq.read_table(path)
    rows = table.to_pylist()
    change(rows)
    pq.write_table(type(table).from_pylist(rows, table.schema), path)


def other_image(rows: list[dict[str, Any]]) -> None:
    rows[1]["image"]["bytes"] = encoded(random_pixels(4, 6, seed=99))


def other_class(rows: list[dict[str, Any]]) -> None:
    rows[0]["objects"][0]["category"] = "dog"


def no_object(rows: list[dict[str, Any]]) -> None:
    del rows[0]["objects"][1]


ROWS = "data/train-00000.parquet"
JSON = "annotations.json"
CASES: list[tuple[ExportFormat, str, Callable[[Path], object]]] = [
    *[
        case
        for known in (COCO, LVIS)
        for case in (
            (known, "an object is gone", lambda at: drop_line(at / JSON, '"id":2,"image_id":1')),
            (known, "an image is gone", lambda at: drop_line(at / JSON, '"sample_key":"first"')),
            (known, "images change places", lambda at: swap_lines(at / JSON, '"first"', '"second"')),
            (
                known,
                "objects change places",
                lambda at: swap_lines(at / JSON, '"id":1,"image_id":1', '"id":2,'),
            ),
            (known, "another class", lambda at: replace(at / JSON, '"category_id":1', '"category_id":2')),
            (known, "another size", lambda at: replace(at / JSON, '"height":4', '"height":6')),
            (known, "a mask of another size", lambda at: replace(at / JSON, '"size":[4,6]', '"size":[6,4]')),
            (known, "half a file", lambda at: (at / JSON).write_text((at / JSON).read_text()[:-200])),
            (known, "no JSON", lambda at: replace(at / JSON, '"image_id":1', '"image_id:1')),
        )
    ],
    (PNG, "a mask is gone", lambda at: (at / "masks/first/1.png").unlink()),
    (PNG, "half a mask", lambda at: (at / "masks/first/1.png").write_bytes(b"\x89PNG\r\n\x1a\n\x00")),
    (
        PNG,
        "another size",
        lambda at: (at / "masks/first/1.png").write_bytes(encoded(np.zeros((6, 4), np.uint8))),
    ),
    (PNG, "grey", lambda at: (at / "masks/first/1.png").write_bytes(encoded(np.full((4, 6), 9, np.uint8)))),
    (PNG, "a row is gone", lambda at: drop_line(at / "index.csv", "first,2")),
    (PNG, "another class", lambda at: replace(at / "index.csv", "first,1,cat", "first,1,dog")),
    (VOC, "no annotation", lambda at: (at / "Annotations/first.xml").unlink()),
    (VOC, "no XML", lambda at: replace(at / "Annotations/first.xml", "</object>", "")),
    (VOC, "another class", lambda at: replace(at / "Annotations/first.xml", "cat", "dog")),
    (
        VOC,
        "annotations swapped",
        lambda at: swap(at / "Annotations/first.xml", at / "Annotations/second.xml"),
    ),
    (
        VOC,
        "classes swapped",
        lambda at: swap(at / "SegmentationClass/first.png", at / "SegmentationClass/second.png"),
    ),
    (VOC, "other labels", lambda at: replace(at / "labelmap.txt", "cat:", "cow:")),
    (VOC, "a name is gone", lambda at: drop_line(at / "ImageSets/Segmentation/all.txt", "first")),
    (DATASETS, "another image", lambda at: rewrite_rows(at / ROWS, other_image)),
    (DATASETS, "another class", lambda at: rewrite_rows(at / ROWS, other_class)),
    (DATASETS, "an object is gone", lambda at: rewrite_rows(at / ROWS, no_object)),
    (DATASETS, "rows change places", lambda at: rewrite_rows(at / ROWS, lambda rows: rows.reverse())),
    (DATASETS, "a file is gone", lambda at: (at / ROWS).unlink()),
    (DATASETS, "half a file", lambda at: (at / ROWS).write_bytes((at / ROWS).read_bytes()[:-9])),
]


@pytest.mark.parametrize(
    ("known", "breaks"),
    [pytest.param(known, breaks, id=f"{known.name}: {what}") for known, what, breaks in CASES],
)
def test_what_is_not_as_it_was_written_is_found(
    known: ExportFormat, breaks: Callable[[Path], object], tmp_path: Path
) -> None:
    target = target_at(tmp_path)
    write(known, target, SAMPLES)
    breaks(tmp_path)
    with pytest.raises((InfraError, ValueError)) as caught:
        read(known, target, SAMPLES)
    if isinstance(caught.value, ExportError):
        assert "export again" in str(caught.value)
        assert "\n" not in str(caught.value)


def change_counts(rows: list[dict[str, Any]]) -> None:
    first, second = (one["rle"] for one in rows[0]["objects"])
    first["counts"], second["counts"] = second["counts"], first["counts"]


@pytest.mark.parametrize(
    ("known", "breaks"),
    [
        (COCO, lambda at: swap_counts(at / JSON)),
        (PNG, lambda at: swap(at / "masks/first/1.png", at / "masks/first/2.png")),
        (VOC, lambda at: (at / "SegmentationObject/second.png").write_bytes(b"")),
        (DATASETS, lambda at: rewrite_rows(at / ROWS, change_counts)),
    ],
    ids=lambda value: getattr(value, "name", ""),
)
def test_masks_that_change_places_come_back_as_they_lie_there(
    known: ExportFormat, breaks: Callable[[Path], object], tmp_path: Path
) -> None:
    target = target_at(tmp_path)
    write(known, target, SAMPLES)
    breaks(tmp_path)
    try:
        found = read(known, target, SAMPLES)
    except ExportError:
        return
    assert found != masks_of(SAMPLES)


def swap_counts(path: Path) -> None:
    one, other = (mask.rle.decode() for mask in SAMPLES[0].objects)
    text = path.read_text()
    assert one in text and other in text
    path.write_text(text.replace(one, "?").replace(other, one).replace("?", other))
