"""An export that nobody has changed comes back as it went out, whatever a program does with its ids."""

from __future__ import annotations

import tempfile
from pathlib import Path
from unicodedata import normalize

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.exports.exported_sample import ExportedSample
from infra.exports.format_names import Shape
from infra.exports.formats import FORMATS
from infra.runs.reviews import Verdict
from pipelines.jobs.label_outcomes import RunObject, outcomes_of
from tests.infra.exports.drawn_samples import samples, target_at, write
from tests.infra.imports.programs import known, read, submit

CASES: list[tuple[str, Shape]] = [
    ("label-studio", "rle"),
    ("cvat", "rle"),
    ("coco", "rle"),
    ("coco", "polygons"),
]


def has_distinct_names(drawn: list[ExportedSample]) -> bool:
    """Whether the names of images are told apart on any disk; those of an export always are."""
    names = {normalize("NFC", one.file_name).casefold() for one in drawn}
    return len(names) == len(drawn)


def verdicts(drawn: list[ExportedSample], path: Path) -> list[tuple[str, str, Verdict, str]]:
    """Sample key, object id, verdict and another class of every object, in the order of the samples."""
    labels = read(path, known(drawn))
    assert set(labels.images) == {one.key for one in drawn}
    found = []
    for sample in drawn:
        objects = [RunObject(one.object_id, one.category, one.rle) for one in sample.objects]
        shapes = labels.images[sample.key].shapes
        judged = outcomes_of(sample.key, sample.height, sample.width, objects, shapes, "object")
        found += [(sample.key, one.object_id, one.verdict, one.category) for one in judged.outcomes]
    return found


@pytest.mark.parametrize(("name", "shape"), CASES)
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(drawn=samples())
def test_every_object_of_an_unchanged_export_is_accepted(
    name: str, shape: Shape, drawn: list[ExportedSample]
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(FORMATS[name], target_at(folder, shape), drawn)
        assert verdicts(drawn, submit(Path(folder), name)) == [
            (sample.key, one.object_id, Verdict.ACCEPTED, "") for sample in drawn for one in sample.objects
        ]


@pytest.mark.parametrize("name", ["label-studio", "cvat", "coco"])
@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.too_slow])
@given(
    drawn=samples(are_apart=True).filter(has_distinct_names), prefix=st.sampled_from(["", "s3://b/photos/"])
)
def test_so_is_every_object_if_the_program_has_dropped_keys_and_ids(
    name: str, drawn: list[ExportedSample], prefix: str
) -> None:
    with tempfile.TemporaryDirectory() as folder:
        write(FORMATS[name], target_at(folder, prefix=prefix), drawn)
        assert verdicts(drawn, submit(Path(folder), name, forgetful=True)) == [
            (sample.key, one.object_id, Verdict.ACCEPTED, "") for sample in drawn for one in sample.objects
        ]
