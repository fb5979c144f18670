"""The training loop of a single worker, in this process: resuming, checkpoints, what is refused."""

from __future__ import annotations

import io
import shutil
from collections.abc import Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest
import torch

from actors.training.directory import TrainDirectory, TrainedStep
from actors.training.job import TrainJob
from actors.training.loop import train
from infra.errors import DatasetError, RunDirectoryError
from infra.published_models import model_url
from infra.storage.files import Storage
from infra.training_driver import new_driver, take_over
from mfp.errors import TrainingError, WeightsError
from mfp.model_file import model_from_bytes
from mfp.training.checkpoint import Checkpoint
from tests.training_jobs import ALONE, changed_job, small_job, write_bright_objects
from tests.waiting import HANGS, wait_until


@pytest.fixture(scope="module")
def dataset(tmp_path_factory: pytest.TempPathFactory) -> str:
    return write_bright_objects(str(tmp_path_factory.mktemp("training") / "dataset"))


def _weights(job: TrainJob, step: int | None = None) -> dict[str, torch.Tensor]:
    url = model_url(job.run_url, step or job.recipe.steps)
    return model_from_bytes(Storage().read_bytes(url)).network.state_dict()


def _nothing(figures: Mapping[str, float]) -> None:
    pass


def _equal(first: dict[str, torch.Tensor], second: dict[str, torch.Tensor]) -> bool:
    return all(torch.equal(first[name], second[name]) for name in first)


def test_a_resumed_run_ends_in_the_same_weights_as_an_undisturbed_one(dataset: str, tmp_path: Path) -> None:
    class KilledError(Exception):
        pass

    def kill_after_three(step: TrainedStep) -> None:
        if step.step == 3:
            raise KilledError

    undisturbed, disturbed = small_job(dataset, tmp_path / "a"), small_job(dataset, tmp_path / "b")
    train(undisturbed, ALONE, _nothing)
    with pytest.raises(KilledError):
        train(disturbed, ALONE, _nothing, kill_after_three)
    seen: list[int] = []
    train(disturbed, ALONE, _nothing, lambda step: seen.append(step.step))
    assert seen == [3, 4, 5]  # from the checkpoint at step 2
    assert _equal(_weights(undisturbed), _weights(disturbed))
    losses = [
        pq.read_table(tmp_path / run / "log" / "step-00000004.parquet").column("loss").to_pylist()
        for run in ("a", "b")
    ]
    assert losses[0] == losses[1]


def test_a_compiled_network_learns_the_same_and_is_published_as_it_is(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Traced as torch.compile does it; kernels of its own would take minutes here."""
    compiled: list[torch.nn.Module] = []

    def traced(network: torch.nn.Module) -> None:
        compiled.append(network)
        compile_network(network, backend="eager")

    compile_network = torch.nn.Module.compile
    monkeypatch.setattr(torch.nn.Module, "compile", traced)
    plain = small_job(dataset, tmp_path / "plain", steps=2)
    train(plain, ALONE, _nothing)
    assert compiled == []
    job = small_job(dataset, tmp_path / "compiled", steps=2, compile=True)
    train(job, ALONE, _nothing)
    assert len(compiled) == 1
    weights = _weights(plain)
    for name, value in _weights(job).items():
        torch.testing.assert_close(value, weights[name], rtol=1e-3, atol=1e-4)


def test_only_the_last_two_checkpoints_and_their_models_are_kept(dataset: str, tmp_path: Path) -> None:
    train(small_job(dataset, tmp_path, steps=6), ALONE, _nothing)
    assert sorted(path.name for path in (tmp_path / "checkpoints").iterdir()) == [
        "step-00000004.pt",
        "step-00000006.pt",
    ]
    assert sorted(path.name for path in (tmp_path / "models").iterdir()) == [
        "00000004.safetensors",
        "00000006.safetensors",
        "latest.json",
    ]


def test_a_model_file_can_be_the_start_of_another_run(dataset: str, tmp_path: Path) -> None:
    first = small_job(dataset, tmp_path / "a", steps=2)
    train(first, ALONE, _nothing)
    second = replace(small_job(dataset, tmp_path / "b", steps=2), init=model_url(first.run_url, 2))
    train(second, ALONE, _nothing)
    assert not _equal(_weights(first), _weights(second))


def test_every_checkpoint_is_reported_with_its_figures(dataset: str, tmp_path: Path) -> None:
    reports: list[Mapping[str, float]] = []
    train(small_job(dataset, tmp_path), ALONE, reports.append)
    assert [report["step"] for report in reports] == [2, 4, 5]
    assert all(report["loss"] > 0 and 0 <= report["iou"] <= 1 for report in reports)


@pytest.mark.parametrize("num_loaders", [0, 1])
def test_a_broken_shard_ends_training_in_one_line(tmp_path: Path, num_loaders: int) -> None:
    url = write_bright_objects(str(tmp_path / "dataset"), number=2)
    shard = tmp_path / "dataset" / "shard-000000.tar"
    shard.write_bytes(shard.read_bytes()[:1000])
    job = changed_job(small_job(url, tmp_path / "run"), loader_workers=num_loaders)
    with pytest.raises(DatasetError, match=r"shard-000000\.tar is broken") as caught:
        train(job, ALONE, _nothing)
    assert "Traceback" not in str(caught.value)


def test_a_checkpoint_that_does_not_fit_is_named(dataset: str, tmp_path: Path) -> None:
    checkpoint = tmp_path / "checkpoints" / "step-00000001.pt"
    checkpoint.parent.mkdir()
    for data in (b"garbage", Checkpoint(1, {}, {}, 1, {}, {}).to_bytes()):
        checkpoint.write_bytes(data)
        with pytest.raises(TrainingError, match=r"step-00000001\.pt: checkpoint"):
            train(small_job(dataset, tmp_path), ALONE, _nothing)


@pytest.mark.parametrize("wrong", [{"weights": None}, {"optimizer": [1]}, {"step": "1"}])
def test_a_checkpoint_with_parts_that_are_none_is_named(
    dataset: str, tmp_path: Path, wrong: Mapping[str, object]
) -> None:
    buffer = io.BytesIO()
    torch.save(vars(Checkpoint(1, {}, {}, 1, {}, {})) | dict(wrong), buffer)
    checkpoint = tmp_path / "checkpoints" / "step-00000001.pt"
    checkpoint.parent.mkdir()
    checkpoint.write_bytes(buffer.getvalue())
    with pytest.raises(TrainingError, match=r"step-00000001\.pt: checkpoint of .* cannot be read"):
        train(small_job(dataset, tmp_path), ALONE, _nothing)


def test_a_run_that_goes_back_to_an_earlier_checkpoint_logs_every_step_once(
    dataset: str, tmp_path: Path
) -> None:
    train(small_job(dataset, tmp_path, steps=4), ALONE, _nothing)
    (tmp_path / "checkpoints" / "step-00000004.pt").unlink()  # as one is told to do where it is damaged
    train(changed_job(small_job(dataset, tmp_path, steps=5), checkpoint_every=3), ALONE, _nothing)
    tables = [pq.read_table(path) for path in sorted((tmp_path / "log").iterdir())]
    assert [step for table in tables for step in table.column("step").to_pylist()] == [1, 2, 3, 4, 5]
    assert sorted(path.name.split(".")[3] for path in (tmp_path / "tensorboard").iterdir()) == [
        "0000000002",
        "0000000003",
        "0000000005",
    ]


def test_copies_of_checkpoints_that_someone_made_are_none_of_the_run(dataset: str, tmp_path: Path) -> None:
    train(small_job(dataset, tmp_path, steps=2), ALONE, _nothing)
    checkpoints = tmp_path / "checkpoints"
    copies = ("step-best.pt", "step-00000002 (copy).pt")
    for name in copies:
        shutil.copy(checkpoints / "step-00000002.pt", checkpoints / name)
    directory = TrainDirectory(str(tmp_path), Storage(), 1)
    assert directory.newest_step() == 2
    train(changed_job(small_job(dataset, tmp_path, steps=3), keep=1), ALONE, _nothing)
    assert {path.name for path in checkpoints.iterdir()} == {"step-00000003.pt", *copies}


def test_the_best_step_is_the_best_on_what_is_validated_on_now(tmp_path: Path) -> None:
    directory = TrainDirectory(str(tmp_path), Storage(), 2)
    told = []
    for step, noc90, validated_on in ((1, 5.0, "a"), (2, 6.0, "a"), (3, 9.0, "b"), (4, 8.0, "b")):
        directory.note_best(step, {"noc90": noc90}, validated_on)
        best = directory.best()
        assert best is not None
        told.append(best.step)
    assert told == [1, 1, 3, 4]


@pytest.mark.parametrize(
    "content",
    [
        "{",
        "[]",
        '{"step": 2}',
        '{"step": "two", "validated_on": "a", "figures": {"noc90": 3.0}}',
        '{"step": 2, "validated_on": "a", "figures": {"noc85": 3.0}}',
        '{"step": 2, "validated_on": "a", "figures": {"noc90": NaN}}',
        "[" * 300 + "]" * 300,
    ],
)
def test_a_damaged_note_of_the_best_step_is_named(tmp_path: Path, content: str) -> None:
    (tmp_path / "best.json").write_text(content)
    with pytest.raises(TrainingError, match=r"best\.json is damaged \(.*\): delete it"):
        TrainDirectory(str(tmp_path), Storage(), 2).best()


def test_weights_that_are_none_are_named(dataset: str, tmp_path: Path) -> None:
    garbage = tmp_path / "garbage.safetensors"
    garbage.write_bytes(b"garbage")
    job = replace(small_job(dataset, tmp_path / "run"), init=str(garbage))
    with pytest.raises(WeightsError, match=r"garbage\.safetensors: 7 bytes that are no model file"):
        train(job, ALONE, _nothing)


@pytest.mark.parametrize("precision", ["bf16", "fp16"])
def test_lower_precision_of_the_gradient_passes_learns_and_goes_on_after_a_checkpoint(
    dataset: str, tmp_path: Path, precision: str
) -> None:
    """fp16 scales its loss; the scale is part of a checkpoint."""
    job = small_job(dataset, tmp_path, precision=precision, steps=2)
    train(job, ALONE, _nothing)
    longer = changed_job(job, steps=3)
    train(longer, ALONE, _nothing)
    losses = pq.read_table(tmp_path / "log").column("loss").to_pylist()
    assert len(losses) == 3
    assert all(0 < loss < 10 for loss in losses)
    _, checkpoint = TrainDirectory(str(tmp_path), Storage(), 2).checkpoint_at(3)
    assert bool(checkpoint.scaler) == (precision == "fp16")


def test_a_loss_that_is_no_number_ends_training_in_one_line(dataset: str, tmp_path: Path) -> None:
    with pytest.raises(TrainingError, match=r"the loss is (nan|inf) at step \d+: give a lower --rate"):
        train(small_job(dataset, tmp_path, rate=1e30, clip=0.0, warm_up=0), ALONE, _nothing)


class OvertakenRun:
    """A job of this process, and what comes of its directory when another driver takes it over."""

    def __init__(self, dataset: str, folder: Path, **recipe: Any) -> None:
        self.folder, self.storage = folder, Storage()
        job = small_job(dataset, folder, **recipe)
        self.job = replace(job, driver=new_driver(self.storage, job.run_url))

    def be_overtaken(self) -> None:
        take_over(self.storage, self.job.run_url, new_driver(self.storage, self.job.run_url))

    def files(self) -> dict[str, bytes]:
        paths = (path for path in self.folder.rglob("*") if path.is_file())
        return {str(path.relative_to(self.folder)): path.read_bytes() for path in paths}


@pytest.mark.parametrize("checkpoint_every", [2, 100])
def test_a_run_that_was_taken_over_writes_nothing_more(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint_every: int
) -> None:
    if checkpoint_every == 100:  # it is found out between checkpoints as well
        monkeypatch.setattr("actors.training.record._SECONDS_BETWEEN_PROGRESS", 0.0)
    run = OvertakenRun(dataset, tmp_path, steps=20)
    before: dict[str, bytes] = {}

    def on_step(step: TrainedStep) -> None:
        assert step.step <= 4
        if step.step == 3:
            run.be_overtaken()
            before.update(run.files())

    with pytest.raises(RunDirectoryError, match="was taken over"):
        train(changed_job(run.job, checkpoint_every=checkpoint_every), ALONE, _nothing, on_step)
    assert ("checkpoints/step-00000002.pt" in before) == (checkpoint_every == 2)
    assert run.files() == before


def test_of_two_drivers_at_once_the_later_one_goes_on_where_the_earlier_one_was(
    dataset: str, tmp_path: Path
) -> None:
    earlier = OvertakenRun(dataset, tmp_path, steps=1000)
    directory = TrainDirectory(str(tmp_path), earlier.storage, 2)

    def check_goes_on(run: Future[None]) -> None:
        if run.done():
            raise AssertionError(f"it has ended: {run.result()}")

    with ThreadPoolExecutor(2) as drivers:
        first = drivers.submit(train, earlier.job, ALONE, _nothing)
        wait_until(lambda: directory.newest_step() > 0, lambda: check_goes_on(first))
        later = replace(earlier.job, driver=new_driver(earlier.storage, earlier.job.run_url))
        second = drivers.submit(train, later, ALONE, _nothing)
        with pytest.raises(RunDirectoryError, match="was taken over"):
            first.result(HANGS)
        left_at = directory.newest_step()
        wait_until(lambda: directory.newest_step() > left_at, lambda: check_goes_on(second))
        earlier.be_overtaken()
        with pytest.raises(RunDirectoryError, match="was taken over"):
            second.result(HANGS)
    steps = pq.read_table(tmp_path / "log").sort_by("step").column("step").to_pylist()
    assert steps == list(range(1, len(steps) + 1)), "each once"
    assert 0 <= len(steps) - directory.newest_step() <= earlier.job.spec.checkpoints.checkpoint_every, (
        "the last checkpoint may be taken back"
    )


def test_workers_that_are_started_again_after_a_takeover_touch_nothing(dataset: str, tmp_path: Path) -> None:
    run = OvertakenRun(dataset, tmp_path, steps=2)
    train(run.job, ALONE, _nothing)
    run.be_overtaken()
    (tmp_path / "log" / "step-00000003.parquet").touch()  # what the other has done since
    before = run.files()
    longer = changed_job(run.job, steps=4)
    with pytest.raises(RunDirectoryError, match="was taken over"):
        train(longer, ALONE, _nothing)
    assert run.files() == before


def test_a_checkpoint_that_lands_after_a_takeover_is_taken_back(
    dataset: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the next one to go on would do so from it, without the steps of the log that the other has dropped."""
    run = OvertakenRun(dataset, tmp_path)
    write = TrainDirectory.write_checkpoint

    def slow_write(directory: TrainDirectory, checkpoint: Checkpoint) -> None:
        if checkpoint.step == 4:
            run.be_overtaken()
        write(directory, checkpoint)

    monkeypatch.setattr(TrainDirectory, "write_checkpoint", slow_write)
    with pytest.raises(RunDirectoryError, match="was taken over"):
        train(run.job, ALONE, _nothing)
    assert TrainDirectory(run.job.run_url, run.storage, 2).newest_step() == 2


def test_a_run_that_has_gone_further_than_it_was_asked_to_is_refused(dataset: str, tmp_path: Path) -> None:
    train(small_job(dataset, tmp_path, steps=2), ALONE, _nothing)
    with pytest.raises(TrainingError, match="has done 2 steps, more than --steps 1"):
        train(small_job(dataset, tmp_path, steps=1), ALONE, _nothing)
