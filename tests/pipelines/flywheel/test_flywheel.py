"""The flywheel on a real local Ray: a training run and a labelling run at a time, and an evaluation at both ends."""

from __future__ import annotations

import io
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from actors.errors import ClusterError
from actors.specs.flywheel import FlywheelSpec, Thresholds
from infra.errors import ClickLogError, RunDirectoryError
from infra.published_models import newest
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import load_manifest
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from mfp.errors import ModelError, TrainingError
from pipelines.errors import OptionError
from pipelines.inputs.backend_choice import recorded_backend
from pipelines.inputs.model_source import find_model
from pipelines.inputs.run_record import FlywheelRecord
from pipelines.jobs.flywheel.flywheel import run_flywheel
from pipelines.jobs.flywheel.progress import flywheel_progress
from pipelines.progress_report import OnProgress
from pipelines.views.flywheel import FlywheelView
from tests.actors.shapes import shape_sample
from tests.specs import changed, flywheel_spec
from tests.training_jobs import bright_object

STORAGE = Storage()


def write(folder: Path, first: int, last: int, samples_per_shard: int = 1) -> str:
    samples = (shape_sample(index) for index in range(first, last))
    write_dataset(samples, str(folder), STORAGE, samples_per_shard)
    return str(folder)


@pytest.fixture(scope="module")
def options(tmp_path_factory: pytest.TempPathFactory) -> FlywheelSpec:
    folder = tmp_path_factory.mktemp("wheel")
    return flywheel_spec(
        unlabelled=write(folder / "unlabelled", 0, 4),
        train_on=(write(folder / "seed", 4, 8),),
        evaluation=write(folder / "evaluation", 8, 10),
        out=str(folder / "out"),
        model="lite0",
        rounds=1,
        max_clicks=3,
        selection=Thresholds(min_quality=0.5),
        train_steps=2,
        checkpoint_every=1,
        crop_size=(64, 64),
        batch_size=2,
        cpus_per_worker=0.5,
        loader_workers=0,
        device="cpu",
        flip="off",
        zoom_size=96,
    )


class Shown:
    """Titles of the stages, in order."""

    def __init__(self) -> None:
        self.titles: list[str] = []

    @contextmanager
    def __call__(self, title: str, unit: str) -> Iterator[OnProgress]:
        self.titles.append(title)
        yield lambda report: None


@pytest.mark.slow
def test_a_turn_of_the_wheel_labels_selects_trains_and_measures(
    ray_cluster: None, options: FlywheelSpec
) -> None:
    out = Path(options.out)
    shown = Shown()
    result = run_flywheel(options, shown)
    assert shown.titles == [
        "evaluate before",
        "round 1: label",
        "round 1: train",
        "closing: train",
        "evaluate after",
    ]
    again = run_flywheel(options, Shown())
    assert again == result, "a finished wheel is only reported"
    other_clicks = changed(options, clicks=f"logged:{out}/round-01/labels")
    with pytest.raises(
        RunDirectoryError, match=r': given\.clicks is "protocol" there and \{"fingerprint": .* here'
    ) as refused:
        run_flywheel(other_clicks, Shown())
    assert str(refused.value).startswith(f"{out} holds"), "said of the wheel, before any of its stages"
    (turned,) = result.rounds
    start = find_model(options.model, STORAGE).identity
    assert turned.models[0].model_id == start
    assert turned.models[0].step == 0, "labelling begins before anything is learned"
    assert turned.counts.selected > 0
    labels = RunDirectory(str(out / "round-01/labels"), STORAGE)
    unlabelled = load_manifest(STORAGE, options.unlabelled)
    assert set(labels.committed()) == {shard.name for shard in unlabelled.shards}
    selected = load_manifest(STORAGE, str(out / "round-01/selected"))
    assert selected.num_objects == turned.counts.selected
    trained_on = json.loads((out / "closing/training/training.json").read_text())["datasets"]
    assert trained_on == [load_manifest(STORAGE, options.train_on[0]).fingerprint, selected.fingerprint]
    last = newest(STORAGE, str(out / "closing/training"))
    assert last is not None
    assert result.model_url.endswith(last.file)
    assert result.before.models[0].model_id == start
    assert result.after.models[0].model_id == last.model_id != start
    assert result.before.objects_with_truth == result.after.objects_with_truth > 0
    runs = [str(out / run) for run in ("round-01/labels", "evaluation/before", "evaluation/after")]
    chosen = recorded_backend(str(out), STORAGE, FlywheelRecord)
    assert chosen in ("torch", "onnxruntime", "openvino")
    assert {recorded_backend(run, STORAGE) for run in runs} == {chosen}, "figures are compared"
    lines = [line.split() for line in printed(FlywheelView(result)).splitlines()]
    assert [line[0] for line in lines if line][2:5] == ["evaluation", "before", "after"]
    with pytest.raises(RunDirectoryError, match=r"train_steps is 2 there and 3 here"):
        run_flywheel(changed(options, train_steps=3), Shown())
    say_how_far_it_is(out)


def say_how_far_it_is(out: Path) -> None:
    """Stage by stage backwards: what is later is taken away."""
    told = []
    for stage in ("evaluation/after", "closing", "round-01/labels", "round-01/training", "evaluation/before"):
        told.append(flywheel_progress(str(out), STORAGE.options))
        shutil.rmtree(out / stage)
    assert told[0].startswith("evaluation after: 2 of 2 shards committed")
    assert told[1].startswith("closing: training: 2 of 2 steps, loss")
    assert told[2].startswith("round 1 of 1: 4 of 4 shards committed")
    assert "; training: 2 of 2 steps" in told[2]
    assert told[3].startswith("round 1 of 1: training: 2 of 2 steps")
    assert told[4].startswith("evaluation before: 2 of 2 shards committed")
    assert flywheel_progress(str(out), STORAGE.options) == "nothing begun yet"


def printed(view: FlywheelView) -> str:
    stream = io.StringIO()
    Console(file=stream, width=200).print(view)
    return stream.getvalue()


def test_training_on_the_evaluation_set_is_refused_before_anything_is_written(
    options: FlywheelSpec, tmp_path: Path
) -> None:
    asked = changed(options, out=str(tmp_path / "out"))
    for wrong in (
        changed(asked, evaluation=options.unlabelled),
        changed(asked, evaluation=options.train_on[0]),
    ):
        with pytest.raises(OptionError, match="is the data set of --evaluation"):
            run_flywheel(wrong, Shown())
    assert not (tmp_path / "out").exists()


def test_what_cannot_turn_is_refused_in_one_line(options: FlywheelSpec, tmp_path: Path) -> None:
    asked = changed(options, out=str(tmp_path / "out"))
    with pytest.raises(OptionError, match=r"--rounds 5: .* has 4 shards"):
        run_flywheel(changed(asked, rounds=5), Shown())
    with pytest.raises(ModelError, match="model analytic cannot be trained"):
        run_flywheel(changed(asked, model="analytic"), Shown())
    with pytest.raises(ValueError, match="clicks 'recorded' are neither 'simulated', simulated:USER"):
        changed(asked, clicks="recorded")
    with pytest.raises(ClickLogError, match=r"there is no click log at .*nothing: no such file"):
        run_flywheel(changed(asked, clicks=f"logged:{tmp_path}/nothing"), Shown())
    with pytest.raises(OptionError, match=r"crop_size = .*: must be 32 pixels or more"):
        changed(asked, crop_size=(16, 16))
    with pytest.raises(TrainingError, match="lite0 cannot be trained on 1 crop of 32x32 pixels at a time"):
        run_flywheel(changed(asked, crop_size=(32, 32), batch_size=1, frozen_statistics=False), Shown())
    with pytest.raises(OptionError, match="3 workers share a batch of 2 crops"):
        run_flywheel(changed(asked, train_workers="3"), Shown())
    write_dataset([bright_object(0, with_object=False)], str(tmp_path / "without"), STORAGE)
    with pytest.raises(TrainingError, match="training needs masks"):
        run_flywheel(changed(asked, train_on=(str(tmp_path / "without"),)), Shown())
    many = "500"
    with pytest.raises(
        ClusterError, match=r"500 workers that label and 1 that train need 250\.5 CPU together"
    ):
        run_flywheel(changed(asked, label_workers=many), Shown())
    assert not (tmp_path / "out").exists()
