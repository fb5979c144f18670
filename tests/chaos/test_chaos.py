"""A chaos run that finds nothing must have been able to find something: its schedule, comparison and verdict."""

from __future__ import annotations

import itertools
import signal
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, join
from tests.chaos.comparison import differing, rows_of_run, unnamed_parts
from tests.chaos.labelling import HandOuts, LabelRun
from tests.chaos.onlooker import Onlooker
from tests.chaos.schedule import Target, planned_faults
from tests.chaos.summary import FinishedRun, HitFault, SignalTries, Summary, signals_page
from tests.faults.driver import do_what_is_missing, write_small_dataset
from tests.signalled_commands import Ended, findings, last_line

STORAGE = Storage()
AT = datetime(2026, 1, 1, tzinfo=UTC)
RUN = FinishedRun(
    url="s3://chaos/run-1",
    seconds=100.0,
    objects=6,
    clicks=12,
    errors=0,
    committed=(AT - timedelta(seconds=5), AT + timedelta(seconds=7)),
    hand_outs=HandOuts(5, 1, 1),
    num_drivers=3,
    ended=("exit code 1: mfp: no S3 server answers",),
    num_orphans=2,
    num_looks=9,
    num_unanswered=1,
)
LATER = replace(RUN, url="s3://chaos/run-2", committed=(AT + timedelta(seconds=1),), ended=())
GOOD = Summary(1, 2, 40.0, (HitFault(Target.NODE, 123),), (RUN, LATER), ())


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    write_small_dataset(str(tmp_path / "data"), STORAGE)
    do_what_is_missing(str(tmp_path / "run"), str(tmp_path / "data"), STORAGE, itertools.count(1))
    return RunDirectory(str(tmp_path / "run"), STORAGE)


def test_a_seed_gives_the_same_faults_again_and_every_four_are_one_of_each_kind() -> None:
    faults = list(itertools.islice(planned_faults(3), 12))
    assert faults == list(itertools.islice(planned_faults(3), 12))
    assert faults != list(itertools.islice(planned_faults(4), 12))
    for first in range(0, 12, 4):
        assert {fault.target for fault in faults[first : first + 4]} == set(Target)


def test_a_run_is_compared_row_for_row_and_shard_for_shard(run: RunDirectory) -> None:
    expected = rows_of_run(run)
    assert len(expected) == 2
    assert not list(differing(expected, rows_of_run(run)))
    shard = min(expected)
    changed = {**expected, shard: {**expected[shard], "masks": expected[shard]["masks"][1:]}}
    assert [line.split(":")[0] for line in differing(changed, expected)] == [shard]
    click = {**expected[shard]["clicks"][0], "y": -1.0}
    moved = {**expected, shard: {**expected[shard], "clicks": [click, *expected[shard]["clicks"][1:]]}}
    assert [line.split(":")[0] for line in differing(expected, moved)] == [shard]
    rest = {name: rows for name, rows in expected.items() if name != shard}
    assert list(differing(expected, rest)) == [f"{shard} is not committed"]
    assert list(differing(rest, expected)) == [f"{shard} is committed, and no shard of the data set"]


def test_a_part_that_no_record_names_is_seen(run: RunDirectory) -> None:
    assert not unnamed_parts(run)
    STORAGE.write_bytes(join(run.url, "masks/shard-000000-2_x.parquet"), b"")
    assert unnamed_parts(run) == {"masks/shard-000000-2_x.parquet"}


def test_an_onlooker_finds_rows_that_should_not_be_there_and_records_that_change(run: RunDirectory) -> None:
    onlooker = Onlooker(run, {})
    onlooker._look()
    assert len(onlooker.findings) == 2, "no shard of this run was expected"
    onlooker = Onlooker(run, rows_of_run(run))
    onlooker._look()
    assert not onlooker.findings
    shard = min(run.committed())
    url = join(run.url, f"commits/{shard.removesuffix('.tar')}.json")
    STORAGE.write_bytes(url, replace(run.committed()[shard], attempt="9_x").to_bytes())
    onlooker._look()
    STORAGE.delete(url)
    onlooker._look()
    assert onlooker.findings == [
        f"the commit record of {shard} has changed",
        f"the commit record of {shard} is gone",
    ]


def test_what_drivers_have_logged_is_counted(tmp_path: Path) -> None:
    labelling = LabelRun(str(tmp_path / "run"), ("label", "--help"), tmp_path / "logs")
    labelling.start_driver()
    assert labelling.kill_driver() is not None
    assert labelling.kill_driver() is None, "it was dead before"
    (tmp_path / "logs" / "driver-001.log").write_text(
        "t actors.labelling.worker_pool shard shard-000001.tar goes to worker 1 as attempt 1_a\n"
        "t actors.labelling.worker_pool worker 1 is lost: its worker died\n"
        "t actors.labelling.worker_pool shard shard-000001.tar goes to worker 0 as attempt 2_b\n"
        "t actors.labelling.worker_pool attempt 1_a failed: its worker died\n"
        "t actors.labelling.worker_pool attempt 2_b failed: no S3 server answers\n"
    )
    assert labelling.hand_outs() == HandOuts(num=2, num_failed=2, num_lost_workers=1)


def test_a_run_is_good_only_where_faults_have_hit_and_nothing_was_found() -> None:
    assert GOOD.is_good
    assert not replace(GOOD, findings=("a row is missing",)).is_good
    assert not replace(GOOD, faults=()).is_good
    assert not replace(GOOD, runs=()).is_good


def test_the_page_says_what_happened_and_how_to_have_it_again() -> None:
    page = GOOD.to_markdown("python -m tests.chaos --seed 1")
    assert "**Nothing lost, nothing twice**" in page
    assert "| node | 1 |" in page
    assert "| longest time without a commit | 12 s |" in page
    assert "10 times for 4: 6 redone" in page
    assert "120 lost, 120.0 a fault" in page
    assert "- a driver ended: exit code 1: mfp: no S3 server answers" in page
    assert "`python -m tests.chaos --seed 1`" in page
    bad = replace(GOOD, findings=("shard-000001.tar is not committed",)).to_markdown("again")
    assert "**NOT as it should be**" in bad
    assert "- shard-000001.tar is not committed" in bad


def test_the_page_about_signals_is_good_only_where_every_command_was_stopped_as_it_should() -> None:
    label = SignalTries("label", stopped=9, too_late=1, slowest=3.21, findings=())
    assert label.is_good
    assert "| label | 9 | 1 | 3.2 s | 0 |" in signals_page([label])
    assert "**Every one ended as it should**" in signals_page([label])
    crashed = replace(label, findings=("label, SIGTERM after 4.0 s: exit code 1",))
    never_met = replace(label, stopped=0, too_late=10)
    for bad in (crashed, never_met):
        assert "**NOT as it should be**" in signals_page([label, bad])
    assert "- label, SIGTERM after 4.0 s: exit code 1\n" in signals_page([label, crashed])


TERMINATED = last_line("label", signal.SIGTERM)


@pytest.mark.parametrize(
    ("code", "errors", "seconds", "left", "found"),
    [
        (143, f"label: 3/8 objects\n{TERMINATED}\n", 2.0, [], 0),
        (1, f"Traceback\n{TERMINATED}\n", 2.0, [], 2),
        (143, "", 2.0, [], 1),
        (143, f"{TERMINATED}\n", 11.0, ["ray::LabelWorker"], 2),
    ],
)
def test_what_is_wrong_about_the_end_of_a_command_is_found(
    code: int, errors: str, seconds: float, left: list[str], found: int
) -> None:
    class Looked(Ended):
        def __init__(self) -> None:
            self.command, self.code, self.errors, self.seconds = "label", code, errors, seconds

        def left_behind(self) -> list[str]:
            return left

    assert len(list(findings(signal.SIGTERM, Looked()))) == found
