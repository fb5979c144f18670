"""Two runs that are started into one directory by mistake, on a real Ray that both share."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pyarrow.parquet as pq
import pytest
import torch

from actors.training.directory import TrainDirectory
from infra.errors import LeaseError, RunDirectoryError
from infra.runs.held_lease import LEASE_FILE
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, StorageOptions, join
from infra.training_driver import new_driver, take_over
from pipelines.label import RunSummary, run_label
from pipelines.options import LabelOptions, TrainOptions, Workers
from pipelines.progress import ProgressReport
from pipelines.train import TrainingRun, run_train
from tests.actors.shapes import LIMITS, ZOOM_SIZE, rows_of, write_shapes
from tests.look_alike_s3 import look_alike_s3
from tests.pipelines.past_runs import label_here
from tests.training_jobs import SMALL, write_bright_objects
from tests.waiting import HANGS, wait_until

STORAGE = Storage()
NUM_SHARDS = 6


def options(folder_url: str) -> LabelOptions:
    """A run over a new data set, with a worker that leaves room for another."""
    data = join(folder_url, "data")
    write_shapes(data, STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    return LabelOptions(
        data,
        join(folder_url, "run"),
        "analytic",
        max_clicks=LIMITS.max_clicks,
        target_iou=LIMITS.target_iou,
        zoom_size=ZOOM_SIZE,
        workers=Workers(num_cpus=0.5),
        device="cpu",
    )


def undisturbed_rows(asked: LabelOptions) -> dict[str, list[dict[str, object]]]:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers have: the number of threads decides the last bit of a map
    run = label_here(replace(asked, out=f"{asked.out}-undisturbed"))
    torch.set_num_threads(num_threads)
    return rows_of(run)


def run_twice_at_once(asked: LabelOptions) -> list[tuple[RunSummary | LeaseError, list[str]]]:
    """What both runs end with, and what they say beside their figures."""
    start = threading.Barrier(2)

    def run(_: int) -> tuple[RunSummary | LeaseError, list[str]]:
        reports: list[ProgressReport] = []
        start.wait()
        try:
            outcome: RunSummary | LeaseError = run_label(asked, reports.append)
        except LeaseError as error:
            outcome = error
        return outcome, [report.notice for report in reports if report.notice]

    with ThreadPoolExecutor(2) as drivers:
        return list(drivers.map(run, range(2)))


def test_each_shard_is_won_by_one_of_two_runs_and_who_came_second_says_so(
    ray_cluster: None, folder_url: str
) -> None:
    asked = options(folder_url)
    expected = undisturbed_rows(asked)
    num_lost = 0
    for summary, said in run_twice_at_once(asked):
        assert isinstance(summary, RunSummary)
        assert (summary.objects, summary.clicks) == (len(expected["masks"]), len(expected["clicks"]))
        assert said[0] == "commits are guarded by create-only puts, which this storage honours"
        assert [line.split(":")[0] for line in said[1:]] == (
            ["another run into this directory is at work"] if summary.lost_shards else []
        )
        num_lost += summary.lost_shards
    assert num_lost == NUM_SHARDS, "both did every shard, and one of both lost it"
    run = RunDirectory(asked.out, STORAGE)
    assert rows_of(run) == expected
    run.delete_orphans()
    for table in ("masks", "clicks", "errors"):
        assert len(STORAGE.list(join(run.url, table))) == NUM_SHARDS


def test_where_the_store_ignores_the_condition_one_of_two_runs_is_let_in(
    ray_cluster: None, s3_endpoint: str, s3_bucket: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("infra.runs.held_lease._SETTLE_SECONDS", 2.0)
    asked = options(s3_bucket)
    with look_alike_s3(s3_endpoint, "ignores_conditions") as endpoint:
        outcomes = run_twice_at_once(replace(asked, storage=StorageOptions(endpoint)))
    outcomes.sort(key=lambda outcome: isinstance(outcome[0], LeaseError))
    (summary, said), (refusal, _) = outcomes
    assert isinstance(summary, RunSummary)
    assert summary.lost_shards == 0
    assert said == [
        "this storage does not honour create-only puts: commits are guarded by a lease of 120 s, which this run renews"
    ]
    assert isinstance(refusal, LeaseError)
    assert "another run holds the lease" in str(refusal)
    assert rows_of(RunDirectory(asked.out, STORAGE)) == undisturbed_rows(asked)
    assert not STORAGE.exists(join(asked.out, LEASE_FILE)), "given back at the end"


def test_of_two_training_runs_the_later_one_goes_on_where_the_earlier_one_was(
    ray_cluster: None, tmp_path: Path
) -> None:
    dataset = write_bright_objects(str(tmp_path / "dataset"))
    asked = TrainOptions(
        datasets=(dataset,),
        out=str(tmp_path / "run"),
        checkpoint_every=5,
        num_loader_workers=0,
        device="cpu",
        workers=Workers(num_cpus=0.5),
        **{**SMALL, "steps": 1_000_000},
    )
    directory = TrainDirectory(asked.out, STORAGE, 2)
    with ThreadPoolExecutor(2) as drivers:
        earlier = drivers.submit(run_train, asked)
        wait_until(lambda: directory.newest_step() > 0, lambda: check_runs(earlier))
        later = drivers.submit(run_train, asked)
        with pytest.raises(RunDirectoryError, match="was taken over"):
            earlier.result(HANGS)
        left_at = directory.newest_step()
        wait_until(lambda: directory.newest_step() > left_at, lambda: check_runs(later))
        take_over(STORAGE, asked.out, new_driver(STORAGE, asked.out))  # ends it too
        with pytest.raises(RunDirectoryError, match="was taken over"):
            later.result(HANGS)
    steps = pq.read_table(f"{asked.out}/log").sort_by("step").column("step").to_pylist()
    assert steps == list(range(1, len(steps) + 1)), "each once"
    assert 0 <= len(steps) - directory.newest_step() <= asked.checkpoint_every, (
        "the last checkpoint may be taken back"
    )


def check_runs(run: Future[TrainingRun]) -> None:
    if run.done():
        raise AssertionError(f"it has ended: {run.result()}")
