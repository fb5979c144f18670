"""Corrected labels as other programs themselves write them.

`make readers` makes their environments; without them these tests skip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra.exports.exported_sample import ExportedSample
from infra.exports.format_names import FormatName
from infra.runs.reviews import Verdict
from pipelines.jobs.label_outcomes import Outcome, RunObject, outcomes_of
from tests.infra.exports.reader_environments import run_in
from tests.infra.exports.written import exported_object, exported_sample, write_export
from tests.infra.imports.programs import known, read, submit


@pytest.mark.parametrize(
    ("name", "arguments"),
    [("cvat", ("cvat",)), ("coco", ("coco_instances", "segmentation_mode=mask"))],
)
def test_masks_that_datumaro_writes_are_those_of_the_run(
    name: FormatName, arguments: tuple[str, ...], tmp_path: Path
) -> None:
    samples = _samples()
    outcomes = _outcomes(samples, _by_datumaro(tmp_path, samples, name, *arguments))
    assert [one.verdict for one in outcomes] == [Verdict.ACCEPTED] * 3


def test_polygons_that_datumaro_makes_of_masks_are_other_masks_of_the_same_objects(tmp_path: Path) -> None:
    samples = _samples()
    outcomes = _outcomes(samples, _by_datumaro(tmp_path, samples, "coco", "coco_instances"))
    assert [(one.verdict, one.is_polygon) for one in outcomes] == [(Verdict.CORRECTED, True)] * 3
    assert [round(one.iou, 2) for one in outcomes] == [0.88, 0.91, 0.91]  # a hole and two sides are lost


def test_json_min_of_label_studio_is_read(tmp_path: Path) -> None:
    samples = _samples()
    write_export(tmp_path, "label-studio", samples, images=True)
    tasks = submit(tmp_path, "label-studio")
    run_in(
        "labels",
        "write_with_label_studio_sdk",
        str(tmp_path / "labelling.xml"),
        str(tasks),
        str(tmp_path / "to"),
    )
    (path,) = (tmp_path / "to").glob("*.json")
    assert [one.verdict for one in _outcomes(samples, path)] == [Verdict.ACCEPTED] * 3


def _by_datumaro(
    folder: Path, samples: list[ExportedSample], name: FormatName, as_datumaro: str, *options: str
) -> Path:
    write_export(folder / "out", name, samples, images=True)
    places = (str(folder / "out"), as_datumaro, as_datumaro, str(folder / "to"))
    run_in("labels", "write_with_datumaro", *places, *options)
    (path,) = [path for path in (folder / "to").rglob("*.*") if path.suffix in {".xml", ".json"}]
    return path


def _samples() -> list[ExportedSample]:
    """Two images, of three objects, one of which has a hole."""
    shape = (40, 50)
    ring, other = np.zeros(shape, bool), np.zeros(shape, bool)
    ring[3:20, 4:30] = True
    ring[6:9, 8:12] = False
    other[25:40, 10:50] = True
    first = [exported_object("1", ring, "cup, small"), exported_object("2", other, "Tasse")]
    return [
        exported_sample("b/c", shape, first),
        exported_sample("d", shape, [exported_object("1", other, "Tasse")]),
    ]


def _outcomes(samples: list[ExportedSample], path: Path) -> list[Outcome]:
    labels = read(path, known(samples))
    found: list[Outcome] = []
    for sample in samples:
        objects = [RunObject(one.object_id, one.category, one.rle) for one in sample.objects]
        shapes = labels.images[sample.key].shapes
        found += outcomes_of(sample.key, sample.height, sample.width, objects, shapes, "object").outcomes
    assert [one.object_id for one in found] == [one.object_id for sample in samples for one in sample.objects]
    assert {one.category for one in found} == {""}
    return found
