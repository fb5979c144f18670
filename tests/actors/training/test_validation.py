"""Validation inside a training run, and what it leaves behind."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from tensorboardX.proto.event_pb2 import Event

from actors.training.directory import BestStep, TrainDirectory
from actors.training.group import TrainGroup
from actors.training.job import Validation
from actors.training.loop import train
from actors.training.validation import Validator
from infra.published_models import newest
from infra.shards.manifest import load_manifest
from infra.storage.files import Storage
from mfp.model_file import read_header
from mfp.models.analytic import AnalyticClickModel
from mfp.training.checkpoint import Checkpoint
from tests.actors.two_workers import run_in_two_workers
from tests.training_jobs import ALONE, small_job, write_bright_objects


@pytest.fixture(scope="module")
def held_out(tmp_path_factory: pytest.TempPathFactory) -> Validation:
    url = write_bright_objects(str(tmp_path_factory.mktemp("held-out")), first=100, number=6, per_shard=2)
    return Validation(load_manifest(Storage(), url), every=3, num_samples=5)


def _figures(group: TrainGroup, validation: Validation) -> Mapping[str, float]:
    return Validator(validation, group, Storage()).figures(AnalyticClickModel())


def _compare(group: TrainGroup, validation: Validation, expected: Mapping[str, float]) -> None:
    assert _figures(group, validation) == expected


def test_the_first_samples_are_evaluated_with_the_same_figures_for_any_number_of_workers(
    held_out: Validation, tmp_path: Path
) -> None:
    figures = _figures(ALONE, held_out)
    assert set(figures) == {"noc85", "noc90", "iou1", "iou3", "iou5", "iou10", "num_objects"}
    assert figures["num_objects"] == 5
    assert 1 <= figures["noc85"] <= figures["noc90"] <= 20
    run_in_two_workers(_compare, tmp_path, held_out, figures)


def test_a_validation_is_logged_published_and_reported(
    held_out: Validation, tmp_path: Path, tmp_path_factory: pytest.TempPathFactory
) -> None:
    dataset = write_bright_objects(str(tmp_path_factory.mktemp("data")))
    job = replace(small_job(dataset, tmp_path), validation=replace(held_out, num_samples=1))
    reports: list[Mapping[str, float]] = []
    train(job, ALONE, reports.append)
    assert [report["step"] for report in reports if "noc90" in report] == [3, 5]  # every 3, and the last
    assert [report["step"] for report in reports] == [2, 3, 4, 5]
    logged = pq.read_table(tmp_path / "validation").to_pylist()
    assert [row["step"] for row in logged] == [3, 5]
    assert all(
        row["noc90"] == report["noc90"] for row, report in zip(logged, (reports[1], reports[3]), strict=True)
    )

    published = newest(Storage(), str(tmp_path))
    assert published is not None
    assert published.step == 5
    assert published.metrics["noc90"] == logged[-1]["noc90"]
    assert read_header((tmp_path / published.file).read_bytes())["facts"]["noc90"] == logged[-1]["noc90"]

    events = [
        event for path in sorted((tmp_path / "tensorboard").iterdir()) for event in _events(path.read_bytes())
    ]
    losses = [
        value.simple_value for event in events for value in event.summary.value if value.tag == "train/loss"
    ]
    assert losses == pytest.approx(pq.read_table(tmp_path / "log").column("loss").to_pylist())
    tags = {value.tag for event in events for value in event.summary.value}
    assert {"train/loss", "train/iou", "validation/noc85", "validation/noc90", "validation/iou10"} <= tags


def _events(data: bytes) -> Iterator[Event]:
    """TensorBoard's records: length (uint64), its checksum, the message, its checksum."""
    while data:
        (size,) = struct.unpack("<Q", data[:8])
        yield Event.FromString(data[12 : 12 + size])
        data = data[16 + size :]


def test_the_checkpoint_with_the_lowest_noc_is_kept_beside_the_newest(tmp_path: Path) -> None:
    directory = TrainDirectory(str(tmp_path), Storage(), checkpoints_kept=1)
    for step, noc90 in ((1, 9.0), (2, 5.0), (3, 7.0), (4, 5.0)):
        directory.note_best(step, {"noc90": noc90}, "a")
        directory.write_checkpoint(Checkpoint(step, {}, {}, step, {}, {}))
    assert directory.best() == BestStep(2, "a", {"noc90": 5.0})
    kept = sorted(path.name for path in (tmp_path / "checkpoints").iterdir())
    assert kept == ["step-00000002.pt", "step-00000004.pt"]


def test_a_best_step_that_a_crash_took_back_is_forgotten(tmp_path: Path) -> None:
    directory = TrainDirectory(str(tmp_path), Storage(), checkpoints_kept=1)
    directory.note_best(200, {"noc90": 3.0}, "a")  # its checkpoint was never written
    directory.note_best(150, {"noc90": 4.0}, "a")  # the run had gone back to step 100
    assert directory.best() == BestStep(150, "a", {"noc90": 4.0})
