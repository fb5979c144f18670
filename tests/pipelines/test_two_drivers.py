"""Two labelling runs that are started into one directory by mistake, on a real Ray that both share."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from actors.specs.label import LabelSpec
from infra.errors import LeaseError
from infra.runs.held_lease import LEASE_FILE
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, join
from infra.storage.options import StorageOptions
from pipelines.jobs.label import RunSummary, run_label
from pipelines.progress_report import ProgressReport
from tests.actors.shapes import LIMITS, ZOOM_SIZE, rows_of, write_shapes
from tests.look_alike_s3 import look_alike_s3
from tests.pipelines.past_runs import label_here
from tests.specs import changed, label_spec

STORAGE = Storage()
NUM_SHARDS = 6


def options(folder_url: str) -> LabelSpec:
    """A run over a new data set, with a worker that leaves room for another."""
    data = join(folder_url, "data")
    write_shapes(data, STORAGE, num_samples=2 * NUM_SHARDS, samples_per_shard=2)
    return label_spec(
        data,
        join(folder_url, "run"),
        "analytic",
        max_clicks=LIMITS.max_clicks,
        target_iou=LIMITS.target_iou,
        zoom_size=ZOOM_SIZE,
        cpus_per_worker=0.5,
        device="cpu",
    )


def undisturbed_rows(asked: LabelSpec) -> dict[str, list[dict[str, object]]]:
    num_threads = torch.get_num_threads()
    torch.set_num_threads(1)  # as the workers have: the number of threads decides the last bit of a map
    run = label_here(changed(asked, out=f"{asked.out}-undisturbed"))
    torch.set_num_threads(num_threads)
    return rows_of(run)


def run_twice_at_once(asked: LabelSpec) -> list[tuple[RunSummary | LeaseError, list[str]]]:
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
        outcomes = run_twice_at_once(changed(asked, storage=StorageOptions(endpoint)))
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
