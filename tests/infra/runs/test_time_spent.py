"""Seconds by part: added up they do not depend on an order, and a record gives back what was put in."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.json_text import JsonValue
from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.runs.time_spent import NO_TIME, PARTS, TimeSpent
from infra.storage.files import Storage
from tests.infra.rows import commit_rows, mask_row, with_new_checksum

SPENT = TimeSpent(1.5, 2.25, 0.5, 0.125, 4.0, 1.0, 0.0625, 0.0)

seconds = st.floats(0, 1e9)
times = st.builds(TimeSpent, *[seconds] * len(PARTS))


def committed(folder: Path) -> CommitRecord:
    run = RunDirectory(str(folder), Storage())
    commit_rows(run, "s0.tar", "a", [mask_row("k", "1")], [], seconds=9.0, spent=SPENT)
    return run.record_of("s0.tar")


def document(record: CommitRecord) -> dict[str, JsonValue]:
    fields = json.loads(record.to_bytes())
    assert isinstance(fields, dict)
    return fields


@given(st.lists(times, max_size=8), st.randoms())
def test_a_total_is_the_sum_of_each_part_in_any_order(spent: list[TimeSpent], rng: random.Random) -> None:
    total = TimeSpent.total(spent)
    for part in PARTS:
        assert getattr(total, part) == pytest.approx(sum(getattr(one, part) for one in spent))
    rng.shuffle(spent)
    assert TimeSpent.total(spent) == total
    assert total.engine == pytest.approx(sum(one.engine for one in spent))


@given(times)
def test_the_engine_has_all_time_but_that_of_the_two_other_threads(spent: TimeSpent) -> None:
    others = spent.reading + spent.decoding + spent.storing
    assert spent.engine + others == pytest.approx(sum(asdict(spent).values()))


def test_of_nothing_there_is_no_time() -> None:
    assert asdict(NO_TIME) == dict.fromkeys(PARTS, 0.0)


def test_a_record_keeps_what_was_spent_and_how_long_storing_took(tmp_path: Path) -> None:
    record = committed(tmp_path)
    assert {**asdict(record.spent), "storing": 0.0} == asdict(SPENT)
    assert 0 < record.spent.storing == pytest.approx(record.seconds - 9.0)


def test_seconds_that_somebody_has_changed_are_seen(tmp_path: Path) -> None:
    fields = document(committed(tmp_path))
    fields["spent"] = {**asdict(SPENT), "network": 3.0}
    with pytest.raises(ValueError, match="its checksum is another"):
        CommitRecord.from_bytes(json.dumps(fields).encode())
    assert CommitRecord.from_bytes(with_new_checksum(fields)).spent.network == 3.0


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"network": -0.5}, r"spent\.network: should be greater than or equal to 0"),
        ({"reading": 1e300}, r"spent\.reading: should be less than or equal to 1e\+?0?9|1000000000"),
        ({"rows": "1"}, r"spent\.rows: should be a valid number"),
        ({"idling": 1.0}, r"spent\.idling: no such field"),
    ],
)
def test_seconds_that_cannot_be_are_refused(
    tmp_path: Path, change: dict[str, JsonValue], problem: str
) -> None:
    fields = document(committed(tmp_path))
    fields["spent"] = {**asdict(SPENT), **change}
    with pytest.raises(ValueError, match=problem):
        CommitRecord.from_bytes(with_new_checksum(fields))


@pytest.mark.parametrize("part", PARTS)
def test_a_record_that_lacks_a_part_is_refused(tmp_path: Path, part: str) -> None:
    fields = document(committed(tmp_path))
    fields["spent"] = {name: value for name, value in asdict(SPENT).items() if name != part}
    with pytest.raises(ValueError, match=rf"spent\.{part}: is missing"):
        CommitRecord.from_bytes(with_new_checksum(fields))
