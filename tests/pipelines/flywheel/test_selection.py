"""What a run has labelled well becomes training shards, and nothing of an evaluation set does."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.labelling.hand_out import Assignment
from actors.specs.flywheel import Thresholds
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest, load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.held_out import image_hash, image_hashes, refuse_shared_shards
from pipelines.jobs.flywheel.selection import LINEAGE, Selection, SelectionCounts, passes
from tests.actors.shapes import labeller, reader_of, shape_sample, write_shapes
from tests.infra.requests import asked
from tests.infra.rows import mask_row

STORAGE = Storage()


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetManifest:
    return write_shapes(str(tmp_path_factory.mktemp("shapes")), STORAGE, num_samples=9, samples_per_shard=3)


@pytest.fixture(scope="module")
def run(dataset: DatasetManifest, tmp_path_factory: pytest.TempPathFactory) -> RunDirectory:
    run = RunDirectory(str(tmp_path_factory.mktemp("run")), STORAGE)
    run.open(asked())
    shards = labeller(run, reader_of(dataset, STORAGE))
    for shard in dataset.shards:
        shards.label(Assignment(shard, "1"))
    shards.close()
    return run


def samples_of(url: str) -> Iterator[Sample]:
    manifest = load_manifest(STORAGE, url)
    for shard in manifest.shards:
        for item in read_shard(STORAGE, manifest.shard_url(shard), shard):
            assert isinstance(item, Sample), "nothing of a selection is set aside"
            yield item


def median_quality(run: RunDirectory) -> float:
    qualities = sorted(run.read_masks(["quality"])["quality"].to_pylist())
    return float(qualities[len(qualities) // 2])


def test_what_passes_is_written_with_its_mask_and_its_lineage(
    dataset: DatasetManifest, run: RunDirectory, folder_url: str
) -> None:
    thresholds = Thresholds(min_quality=median_quality(run), min_area=1)
    selection = Selection(dataset, run, thresholds, frozenset())
    counts = selection.write(folder_url, STORAGE, {"held_out": "f" * 64})
    rows = {(row["sample_key"], row["object_id"]): row for row in run.read_masks().to_pylist()}
    expected = {name for name, row in rows.items() if row["quality"] >= thresholds.min_quality}
    assert 0 < len(expected) < len(rows)
    clicks = run.read_clicks().to_pylist()
    images = {sample.key: sample for sample in samples_of(dataset.url)}
    written = set()
    for sample in samples_of(folder_url):
        assert sample.image_bytes == images[sample.key].image_bytes
        assert sample.ignore_rle == images[sample.key].ignore_rle
        for truth in sample.objects:
            name = (sample.key, truth.object_id)
            row = rows[name]
            written.add(name)
            assert truth.rle == row["rle"]
            assert truth.attributes[LINEAGE] == {
                "run": run.url,
                "shard": row["shard"],
                "model_id": row["model_id"],
                "quality": row["quality"],
                "iou": row["iou"],
                "clicks": [
                    [click["y"], click["x"], click["is_foreground"]]
                    for click in clicks
                    if (click["sample_key"], click["object_id"]) == name
                ],
            }
    assert written == expected
    assert counts == SelectionCounts(seen=len(rows), selected=len(expected), held_out=0)
    document = json.loads(STORAGE.read_bytes(f"{folder_url}/dataset.json"))
    assert document["lineage"] == {
        "run": run.url,
        "dataset": dataset.fingerprint,
        "min_quality": thresholds.min_quality,
        "min_iou": None,
        "min_area": 1,
        "held_out": "f" * 64,
    }


def test_an_image_of_the_evaluation_set_is_left_out_whatever_its_key(
    dataset: DatasetManifest, run: RunDirectory, tmp_path: Path
) -> None:
    copy = replace(shape_sample(4), key="another/name")
    evaluation = write_dataset([copy], str(tmp_path / "evaluation"), STORAGE)
    held_out = image_hashes(evaluation, STORAGE)
    counts = SelectionCounts()
    samples = list(Selection(dataset, run, Thresholds(min_quality=0, min_area=1), held_out).samples(counts))
    assert {sample.key for sample in samples} == {f"folder/shape-{index:03d}" for index in range(9)} - {
        shape_sample(4).key
    }
    assert counts.held_out == len(shape_sample(4).objects)
    assert counts.selected + counts.held_out == counts.seen
    assert not {image_hash(sample) for sample in samples} & held_out


def test_a_selection_of_nothing_writes_nothing(
    dataset: DatasetManifest, run: RunDirectory, tmp_path: Path
) -> None:
    thresholds = Thresholds(min_quality=1.0, min_iou=1.0, min_area=10**6)
    counts = Selection(dataset, run, thresholds, frozenset()).write(str(tmp_path / "none"), STORAGE, {})
    assert (counts.selected, counts.seen) == (0, dataset.num_objects)
    assert not (tmp_path / "none").exists()


@given(
    quality=st.floats(0, 1),
    iou=st.none() | st.floats(0, 1),
    area=st.integers(0, 200),
    least=st.floats(0, 1),
    least_iou=st.none() | st.floats(0, 1),
)
def test_every_threshold_that_is_given_must_be_reached(
    quality: float, iou: float | None, area: int, least: float, least_iou: float | None
) -> None:
    row = replace(mask_row("a", "1"), quality=quality, iou=iou, area=area)
    expected = area >= 80 and quality >= least
    if least_iou is not None:
        expected = expected and iou is not None and iou >= least_iou
    assert passes(row, Thresholds(min_quality=least, min_iou=least_iou)) == expected


def test_an_empty_mask_is_never_trained_on() -> None:
    assert not passes(
        replace(mask_row("a", "1"), quality=1.0, area=0), Thresholds(min_quality=0.0, min_area=0)
    )


def test_data_that_shares_a_shard_with_the_evaluation_set_is_refused(tmp_path: Path) -> None:
    evaluation = write_shapes(str(tmp_path / "evaluation"), STORAGE, num_samples=4, samples_per_shard=2)
    same = write_shapes(str(tmp_path / "same"), STORAGE, num_samples=4, samples_per_shard=2)
    with pytest.raises(OptionError, match=r"UNLABELLED .*/same is the data set of --evaluation"):
        refuse_shared_shards(evaluation, {"UNLABELLED": same})
    longer = write_shapes(str(tmp_path / "longer"), STORAGE, num_samples=6, samples_per_shard=2)
    with pytest.raises(
        OptionError, match=r"--train-on #1 .*/longer holds shard shard-00000[01]\.tar, which is"
    ):
        refuse_shared_shards(evaluation, {"--train-on #1": longer})
    other = write_shapes(str(tmp_path / "other"), STORAGE, num_samples=4, samples_per_shard=3)
    refuse_shared_shards(evaluation, {"UNLABELLED": other})
