"""Corrected labels as other programs themselves write them.

`make readers` makes their environments; without them these tests skip.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from infra import rle
from infra.exports.exported_sample import ExportedSample
from infra.exports.format_names import FormatName
from infra.runs.reviews import Verdict
from pipelines.jobs.label_outcomes import RunObject, outcomes_of
from tests.infra.exports.reader_environments import run_in
from tests.infra.exports.written import exported_object, exported_sample, write_export
from tests.infra.imports.programs import known, read, submit


@pytest.mark.parametrize(("name", "as_datumaro"), [("cvat", "cvat"), ("coco", "coco_instances")])
def test_what_datumaro_writes_is_read(name: FormatName, as_datumaro: str, tmp_path: Path) -> None:
    samples = _samples()
    write_export(tmp_path / "out", name, samples, images=True)
    run_in(
        "labels", "write_with_datumaro", str(tmp_path / "out"), as_datumaro, as_datumaro, str(tmp_path / "to")
    )
    (path,) = [path for path in (tmp_path / "to").rglob("*.*") if path.suffix in {".xml", ".json"}]
    assert _verdicts(samples, path) == [Verdict.ACCEPTED] * 3


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
    assert _verdicts(samples, path) == [Verdict.ACCEPTED] * 3


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


def _verdicts(samples: list[ExportedSample], path: Path) -> list[Verdict]:
    labels = read(path, known(samples))
    found = []
    for sample in samples:
        objects = [RunObject(one.object_id, one.category, one.rle) for one in sample.objects]
        for one in objects:
            assert rle.area(one.rle, sample.height, sample.width)
        judged = outcomes_of(
            sample.key, sample.height, sample.width, objects, labels.images[sample.key].shapes
        )
        assert [one.category for one in judged.outcomes] == [""] * len(objects)
        found += [one.verdict for one in judged.outcomes]
    return found
