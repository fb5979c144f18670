"""Labelling with the models of a training run, on a real local Ray."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from actors.click_models.model_ref import ModelRef, Weights
from actors.labelling import model_feed
from actors.labelling.hand_out import Assignment
from actors.labelling.job import LabelJob, limits_of
from actors.labelling.object_sessions import ObjectSessions
from actors.specs.label import LabelSpec
from infra.errors import PublishedModelError, RunDirectoryError
from infra.published_models import PublishedModel, model_url, publish
from infra.runs.run_config import TRAINING_FILE
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import DatasetManifest
from infra.storage.files import Storage
from infra.taken_models import add_taken, taken_models
from pipelines.errors import OptionError
from pipelines.inputs.label_inputs import find_inputs, label_record
from pipelines.inputs.published_source import keep_model
from pipelines.inputs.run_record import FollowedRun, LabelRecord, OneModel, read_record, request_of
from pipelines.jobs.label import run_label
from pipelines.progress_report import ProgressReport
from tests.actors.shapes import OneModelLabeller, reader_of, rows_of, write_shapes
from tests.infra.requests import asked as request
from tests.model_files import small_model
from tests.specs import changed, label_spec

STORAGE = Storage()
NUM_SHARDS = 6


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> DatasetManifest:
    folder = str(tmp_path_factory.mktemp("shapes"))
    return write_shapes(folder, STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)


def published(training: str, step: int, noc90: float | None = None) -> PublishedModel:
    data, model_id = small_model(step)
    return publish(STORAGE, training, step, data, model_id, {} if noc90 is None else {"noc90": noc90})


@pytest.fixture(autouse=True)
def looks_every_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(model_feed, "POLL_SECONDS", 0.0)


def options(dataset: DatasetManifest, out: str, training: str, **follow: bool) -> LabelSpec:
    return label_spec(
        dataset.url, out, f"run://{training}", max_clicks=3, flip="off", device="cpu", **follow
    ).resolved()


def models_by_shard(run: RunDirectory) -> dict[str, set[str]]:
    """The model ids in the rows of each shard."""
    found: dict[str, set[str]] = {}
    for table in (run.read_masks(), run.read_clicks()):
        for shard, model_id in zip(table["shard"].to_pylist(), table["model_id"].to_pylist(), strict=True):
            found.setdefault(shard, set()).add(model_id)
    return found


def rows_by_shard(run: RunDirectory, shards: set[str]) -> list[str]:
    rows = rows_of(run)
    return sorted(str(row) for table in rows.values() for row in table if row["shard"] in shards)


def labelled_here(asked: LabelSpec, manifest: DatasetManifest, out: str, seed: int) -> RunDirectory:
    """The same data set labelled in this process, all of it by one model."""
    run = RunDirectory(out, STORAGE)
    run.open(request())
    data, model_id = small_model(seed)
    engine = LabelJob(asked, manifest.url).load(ModelRef("small", model_id, Weights(data)), "cpu")
    with one_thread():
        shards = OneModelLabeller(
            engine,
            ObjectSessions(limits_of(asked.clicks)),
            reader_of(manifest, STORAGE),
            run,
            model_id,
        )
        for shard in manifest.shards:
            shards.label(Assignment(shard, shard.name))
        shards.close()
    return run


@contextmanager
def one_thread() -> Iterator[None]:
    """As workers have: the number of threads decides the last bit of a map."""
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(num_threads)


def test_labelling_follows_a_model_that_is_published_while_it_runs(
    ray_cluster: None, dataset: DatasetManifest, folder_url: str, tmp_path: Path
) -> None:
    training, out = f"{folder_url}/training", f"{folder_url}/labels"
    published(training, 1)

    def publish_after_the_first_shard(report: ProgressReport) -> None:
        if RunDirectory(out, STORAGE).committed() and not STORAGE.exists(model_url(training, 2)):
            published(training, 2)

    asked = options(dataset, out, training, follow=True)
    summary = run_label(asked, publish_after_the_first_shard)
    run = RunDirectory(out, STORAGE)
    models = models_by_shard(run)
    first, second = small_model(1)[1], small_model(2)[1]
    assert summary.objects == dataset.num_objects
    assert set(models) == {shard.name for shard in dataset.shards}
    assert all(len(of_shard) == 1 for of_shard in models.values()), "a shard is clicked by one model"
    assert {model_id for of_shard in models.values() for model_id in of_shard} == {first, second}
    records = run.committed()
    assert {name: {record.model_id} for name, record in records.items()} == models
    assert read_record(LabelRecord, out, STORAGE).model == FollowedRun(run=training)
    noted = json.loads(STORAGE.read_bytes(f"{out}/models.json"))
    assert [model["step"] for model in noted] == [1, 2]
    for step, model_id in ((1, first), (2, second)):
        shards = {shard for shard, of_shard in models.items() if of_shard == {model_id}}
        alone = labelled_here(asked, dataset, str(tmp_path / f"alone-{step}"), step)
        assert rows_by_shard(run, shards) == rows_by_shard(alone, shards), "rows are those of the model alone"


def begin(asked: LabelSpec) -> str:
    """Find the inputs of a run and write its run.json, as every run does first; the step of its first model."""
    inputs = find_inputs(asked, STORAGE)
    run = RunDirectory(asked.out, STORAGE)
    run.open(request_of(label_record(asked, inputs)))
    if not asked.follows:
        keep_model(run, inputs.model)
    else:
        assert inputs.published is not None
        add_taken(STORAGE, run.url, inputs.published)
    return inputs.model.identity


def test_without_follow_a_run_goes_on_with_the_model_that_it_began_with(
    dataset: DatasetManifest, tmp_path: Path
) -> None:
    training = str(tmp_path / "training")
    published(training, 1)
    asked = options(dataset, str(tmp_path / "labels"), training)
    first = small_model(1)[1]
    assert begin(asked) == first
    assert read_record(LabelRecord, asked.out, STORAGE).model == OneModel(model_id=first, step=1)
    published(training, 2)
    assert begin(asked) == first
    Path(model_url(training, 1)).unlink()
    assert begin(asked) == first, "a training run keeps few of its models, a labelling run its own"
    kept = Path(model_url(asked.out, 1))
    kept.write_bytes(kept.read_bytes()[:1000])
    with pytest.raises(
        OptionError, match=r"was begun with the model of step 1 \([0-9a-f]{16}\), which is neither at "
    ):
        begin(asked)
    moved = tmp_path / "kept.safetensors"
    moved.write_bytes(small_model(1)[0])
    assert begin(changed(asked, model=str(moved))) == first


def test_a_followed_run_goes_on_with_the_newest_model(dataset: DatasetManifest, tmp_path: Path) -> None:
    training = str(tmp_path / "training")
    asked = options(dataset, str(tmp_path / "labels"), training, follow=True)
    for step in (1, 2, 3):
        published(training, step, 5.0 + step)
        assert begin(asked) == small_model(step)[1]
    assert [model.step for model in taken_models(STORAGE, asked.out)] == [1, 2, 3]


def test_a_run_that_follows_better_models_never_goes_back_to_a_worse_one(
    dataset: DatasetManifest, tmp_path: Path
) -> None:
    training = str(tmp_path / "training")
    asked = options(dataset, str(tmp_path / "labels"), training, follow_if_better=True)
    for step, noc90, expected in ((1, 5.0, 1), (2, 5.5, 1), (3, 4.0, 3), (4, None, 3)):
        published(training, step, noc90)
        assert begin(asked) == small_model(expected)[1]
    with pytest.raises(RunDirectoryError, match=r"follow_if_better is true there and false here"):
        begin(replace(asked, follow_if_better=False))
    Path(model_url(training, 3)).unlink()
    with pytest.raises(
        OptionError, match=r"was clicked by the model of step 3, which .* and whose file is gone"
    ):
        begin(asked)


def test_what_cannot_be_followed_is_one_line(dataset: DatasetManifest, tmp_path: Path) -> None:
    training = str(tmp_path / "training")
    asked = options(dataset, str(tmp_path / "labels"), training, follow=True)
    with pytest.raises(OptionError, match=r"is no run directory: it has no training\.json"):
        run_label(asked)
    RunDirectory(str(tmp_path / "other"), STORAGE).open(request())
    with pytest.raises(OptionError, match=r"other is a run of `mfp label` or `mfp evaluate`"):
        run_label(changed(asked, model=f"run://{tmp_path / 'other'}"))
    request(file=TRAINING_FILE).begin(STORAGE, training)
    with pytest.raises(OptionError, match="nothing is published there yet"):
        run_label(asked)
    with pytest.raises(OptionError, match=r"--follow: --model lite0 is one model"):
        run_label(changed(asked, model="lite0"))
    with pytest.raises(ValueError, match="names no training run"):
        changed(asked, model="run://")
    published(training, 1)
    Path(model_url(training, 1)).write_bytes(small_model(1)[0][:1000])
    with pytest.raises(PublishedModelError, match="is not the model that was published as step 1"):
        run_label(asked)
    assert not (tmp_path / "labels").exists()
