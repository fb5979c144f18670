"""Commits: the rows of one attempt per shard, once, whatever the others do."""

from __future__ import annotations

import io
import json
import pickle
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from infra.errors import RunDirectoryError, StorageError
from infra.runs.commit import CommitOutcome, CommitRecord, is_part_of, shard_stem
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS
from infra.storage.files import Storage, basename, join
from tests.infra.requests import asked
from tests.infra.rows import click_row, commit_rows, error_row, mask_row, with_new_checksum

TABLES = ("masks", "clicks", "errors")
STORAGE, RIVAL = Storage(), Storage()  # building S3 clients takes most of a second


def commit(run: RunDirectory, shard: str, attempt: str, num_objects: int = 2) -> CommitOutcome:
    """Commit rows that carry the attempt as model id, three clicks an object and one error."""
    return commit_rows(
        run,
        shard,
        attempt,
        [mask_row("k", f"{attempt}{idx}", shard=shard) for idx in range(num_objects)],
        [
            click_row("k", f"{attempt}{idx}", click, shard=shard)
            for idx in range(num_objects)
            for click in range(3)
        ],
        [error_row(f"bad-{attempt}", shard=shard)],
        seconds=1.5,
    )


def part_files(run: RunDirectory) -> list[str]:
    return [url for table in TABLES for url in run.storage.list(join(run.url, table))]


def test_committed_rows_are_read_back(folder_url: str) -> None:
    run = RunDirectory(folder_url, STORAGE)
    assert commit(run, "s0.tar", "a") is CommitOutcome.COMMITTED
    assert commit(run, "s1.tar", "b", num_objects=1) is CommitOutcome.COMMITTED
    assert sorted(run.read_masks()["object_id"].to_pylist()) == ["a0", "a1", "b0"]
    assert run.read_clicks().num_rows == 9
    assert run.read_clicks(["iou"]).schema.names == ["iou"]
    assert run.read_errors()["sample_key"].to_pylist() == ["bad-a", "bad-b"]


def test_a_record_tells_what_was_done_without_reading_parts(folder_url: str) -> None:
    run = RunDirectory(folder_url, STORAGE)
    commit(run, "train/s0.tar", "a")
    for url in part_files(run):
        run.storage.delete(url)
    record = run.committed()["train/s0.tar"]
    assert (record.attempt, record.objects, record.parts["clicks"].rows) == ("a", 2, 6)
    assert 1.5 <= record.seconds < 60
    assert record == CommitRecord.from_bytes(record.to_bytes())


def test_a_run_without_commits_reads_as_empty_tables(folder_url: str) -> None:
    run = RunDirectory(folder_url, STORAGE)
    assert run.committed() == {}
    assert run.read_clicks().schema.equals(CLICKS.schema)
    assert run.delete_orphans() == 0


def test_a_later_attempt_loses_and_takes_its_parts_with_it(folder_url: str) -> None:
    run = RunDirectory(folder_url, STORAGE)
    commit(run, "s0.tar", "a")
    before = part_files(run)
    assert commit(run, "s0.tar", "b") is CommitOutcome.LOST
    assert part_files(run) == before
    assert run.committed()["s0.tar"].attempt == "a"


def test_of_two_committers_at_once_one_wins_and_no_row_is_there_twice(folder_url: str) -> None:
    for round_number in range(4):
        url = join(folder_url, str(round_number))
        start = threading.Barrier(2)

        def race(
            attempt: str, storage: Storage, url: str = url, start: threading.Barrier = start
        ) -> CommitOutcome:
            start.wait()
            return commit(RunDirectory(url, storage), "s0.tar", attempt)

        with ThreadPoolExecutor(2) as pool:
            outcomes = dict(zip("ab", pool.map(race, "ab", (STORAGE, RIVAL)), strict=True))
        assert sorted(outcomes.values()) == [CommitOutcome.COMMITTED, CommitOutcome.LOST]
        run = RunDirectory(url, STORAGE)
        winner = next(attempt for attempt, outcome in outcomes.items() if outcome is CommitOutcome.COMMITTED)
        assert run.committed()["s0.tar"].attempt == winner
        assert run.read_masks()["object_id"].to_pylist() == [f"{winner}0", f"{winner}1"]
        assert len(part_files(run)) == 3
        assert (
            sum(pq.read_table(io.BytesIO(run.storage.read_bytes(part))).num_rows for part in part_files(run))
            == 2 + 6 + 1
        )


class Interrupted(Storage):
    """Storage that does something else right before the next create-only put."""

    def __init__(self, before_create: Callable[[], object]) -> None:
        super().__init__()
        self._before_create = before_create

    def create_bytes(self, url: str, data: bytes) -> bool:
        self._before_create()
        return super().create_bytes(url, data)


def test_a_fenced_worker_loses_between_its_parts_and_its_record(folder_url: str) -> None:
    run = RunDirectory(folder_url, STORAGE)
    fenced = RunDirectory(folder_url, Interrupted(lambda: commit(run, "s0.tar", "new")))
    assert commit(fenced, "s0.tar", "old") is CommitOutcome.LOST
    assert run.read_masks()["object_id"].to_pylist() == ["new0", "new1"]
    assert len(part_files(run)) == 3


def test_an_attempt_whose_call_was_repeated_counts_once_and_stays_readable(folder_url: str) -> None:
    run = RunDirectory(folder_url, STORAGE)
    repeated = RunDirectory(folder_url, Interrupted(lambda: commit(run, "s0.tar", "a", num_objects=1)))
    assert commit(repeated, "s0.tar", "a", num_objects=2) is CommitOutcome.LOST
    assert run.committed()["s0.tar"].attempt == "a"
    assert run.read_masks().num_rows == 1
    assert len(part_files(run)) == 3


def test_a_put_that_meets_its_own_first_success_is_committed(folder_url: str) -> None:
    class AnswerLost(Storage):
        def create_bytes(self, url: str, data: bytes) -> bool:
            super().create_bytes(url, data)
            return super().create_bytes(url, data)

    run = RunDirectory(folder_url, AnswerLost())
    assert commit(run, "s0.tar", "a") is CommitOutcome.COMMITTED
    assert run.read_masks().num_rows == 2


def test_a_rivals_put_under_way_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    class Conflicting(Storage):
        answers = 3

        def create_bytes(self, url: str, data: bytes) -> bool:
            self.answers -= 1
            return self.answers < 0 and super().create_bytes(url, data)

    monkeypatch.setattr("infra.storage.create_once._PAUSE_SECONDS", 0.0)
    assert commit(RunDirectory(str(tmp_path), Conflicting()), "s0.tar", "a") is CommitOutcome.COMMITTED
    never = Conflicting()
    never.answers = 10**6
    with pytest.raises(StorageError, match="neither creates nor has it"):
        commit(RunDirectory(str(tmp_path / "other"), never), "s0.tar", "a")


def test_nothing_of_a_worker_that_dies_before_its_record_is_read(folder_url: str) -> None:
    def die() -> None:
        raise KeyboardInterrupt

    run = RunDirectory(folder_url, STORAGE)
    with pytest.raises(KeyboardInterrupt):
        commit(RunDirectory(folder_url, Interrupted(die)), "s0.tar", "a")
    assert len(part_files(run)) == 3
    assert run.read_masks().num_rows == 0
    assert run.delete_orphans() == 0  # its record may be on its way
    commit(run, "s0.tar", "b")
    assert run.delete_orphans() == 3
    assert run.read_masks()["object_id"].to_pylist() == ["b0", "b1"]


def test_when_the_answer_to_the_record_never_comes_the_parts_stay(folder_url: str) -> None:
    class AnswerLost(Storage):
        def create_bytes(self, url: str, data: bytes) -> bool:
            super().create_bytes(url, data)
            raise StorageError("the S3 server stopped answering")

    with pytest.raises(StorageError):
        commit(RunDirectory(folder_url, AnswerLost()), "s0.tar", "a")
    assert RunDirectory(folder_url, STORAGE).read_masks().num_rows == 2


def test_orphans_go_and_then_a_glob_of_the_parts_is_exact(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    for shard in ("s0.tar", "s0-1.tar", "a/s0.tar", "s1.tar"):
        commit(run, shard, "a")
    lost = [f"{table}/{stem}-b_0.parquet" for table in TABLES for stem in ("s0", "s0-1", "a~2Fs0")]
    kept = [f"{table}/s2-b_0.parquet" for table in TABLES]
    for name in lost + kept:
        (tmp_path / name).write_bytes(b"")
    assert run.delete_orphans() == len(lost)
    assert not any((tmp_path / name).exists() for name in lost)
    for name in kept:
        (tmp_path / name).unlink()
    assert pq.read_table(tmp_path / "clicks").num_rows == run.read_clicks().num_rows == 24


def test_shards_whose_files_would_have_one_name_are_refused(folder_url: str) -> None:
    run = RunDirectory(folder_url, STORAGE)
    commit(run, "s0.tar", "a")
    with pytest.raises(
        RunDirectoryError, match=r"commits shard 's0\.tar', so 's0\.parquet' cannot be committed"
    ):
        commit(run, "s0.parquet", "b")
    assert len(part_files(run)) == 3


def test_a_part_that_is_not_what_was_committed_is_refused(folder_url: str) -> None:
    run = RunDirectory(folder_url, STORAGE)
    commit(run, "s0.tar", "a")
    url = run.storage.list(join(folder_url, "clicks"))[0]
    run.storage.write_bytes(url, run.storage.read_bytes(url)[:-1])
    with pytest.raises(
        RunDirectoryError, match=r"is not what shard s0\.tar committed .*: delete .*/commits/s0\.json"
    ):
        run.read_clicks()


def test_a_part_of_another_version_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    commit(run, "s0.tar", "a")
    monkeypatch.setattr("infra.runs.tables.SCHEMA_VERSION", 5)
    with pytest.raises(
        RunDirectoryError, match="holds table clicks version 4, not clicks version 5: read it with"
    ):
        run.read_clicks()


@pytest.mark.parametrize(
    "content", [b"", b"[]", b"{}", b'{"shard": "s0.tar", "parts": {}, "finished": "now"}']
)
def test_a_broken_record_is_named(tmp_path: Path, content: bytes) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    run.storage.write_bytes(join(run.url, "commits/s0.json"), content)
    with pytest.raises(RunDirectoryError, match=r"commits/s0\.json is no commit record of this version"):
        run.committed()


def test_a_run_directory_travels_to_workers(folder_url: str) -> None:
    run = pickle.loads(pickle.dumps(RunDirectory(folder_url, STORAGE)))
    assert commit(run, "s0.tar", "a") is CommitOutcome.COMMITTED


def test_the_record_is_json_that_people_can_read(tmp_path: Path) -> None:
    run = RunDirectory(str(tmp_path), Storage())
    commit(run, "s0.tar", "a-1")
    record = json.loads((tmp_path / "commits/s0.json").read_bytes())
    assert record["shard"] == "s0.tar"
    assert record["parts"]["clicks"]["path"].startswith("clicks/s0-a~2D1_")
    assert record["parts"]["clicks"].keys() == {"path", "rows", "bytes", "sha256"}


@given(st.lists(st.text(min_size=1, max_size=8), unique=True, max_size=20))
@settings(deadline=None)
def test_different_shards_have_different_plain_file_names(names: list[str]) -> None:
    stems = [shard_stem(f"{name}.tar") for name in names]
    assert len(set(stems)) == len(names)
    assert all(stem.isascii() and "/" not in stem for stem in stems)


@given(st.text(min_size=1, max_size=8), st.text("ab_~2D", max_size=8))
@settings(deadline=None)
def test_a_part_file_tells_its_shard(shard: str, attempt: str) -> None:
    stem = shard_stem(shard)
    part = f"{stem}-{attempt}.parquet"
    for name in (part, f".{part}.x1y2.tmp"):
        assert is_part_of(f"s3://bucket/run/clicks/{name}", {stem})
        assert not is_part_of(f"s3://bucket/run/clicks/{name}", {f"{stem}-1", "other"})


attempts = st.lists(
    st.tuples(st.sampled_from(["s0.tar", "s1.tar", "x/s0.tar"]), st.integers(0, 4)), min_size=1, max_size=8
)


@given(attempts)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None, max_examples=12)
def test_rows_of_a_run_are_the_sum_of_what_its_records_say(
    tmp_path_factory: pytest.TempPathFactory, tried: list[tuple[str, int]]
) -> None:
    run = RunDirectory(str(tmp_path_factory.mktemp("run")), Storage())
    outcomes = [commit(run, shard, f"t{idx}", num) for idx, (shard, num) in enumerate(tried)]
    assert outcomes.count(CommitOutcome.COMMITTED) == len({shard for shard, _ in tried})
    first = dict(reversed(tried))
    records = run.committed()
    assert {shard: record.objects for shard, record in records.items()} == first
    for table, rows in (
        ("masks", run.read_masks()),
        ("clicks", run.read_clicks()),
        ("errors", run.read_errors()),
    ):
        assert rows.num_rows == sum(record.parts[table].rows for record in records.values())
    assert run.read_masks().num_rows == sum(first.values())
    assert sorted(basename(url) for url in part_files(run)) == sorted(
        basename(part.path) for record in records.values() for part in record.parts.values()
    )


@pytest.mark.parametrize(
    "path", ["../secret.parquet", "/secret.parquet", "clicks/a.parquet", "masks/../a.parquet"]
)
def test_a_record_that_names_a_part_elsewhere_is_refused(tmp_path: Path, path: str) -> None:
    run = RunDirectory(str(tmp_path / "run"), Storage())
    commit(run, "s0.tar", "a")
    url = join(run.url, "commits/s0.json")
    document = json.loads(run.storage.read_bytes(url))
    document["parts"]["masks"]["path"] = path
    run.storage.write_bytes(url, with_new_checksum(document))
    with pytest.raises(RunDirectoryError, match="does not lie in masks/"):
        run.read_masks()


def test_the_keys_of_a_run_cost_no_reading_of_its_masks(
    folder_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = RunDirectory(folder_url, STORAGE)
    run.open(asked())
    rng = np.random.default_rng(0)
    masks = [
        replace(mask_row(f"k{number}", str(number)), rle=rng.bytes(2**20)) for number in range(8)
    ]  # 8 MB that do not compress
    commit_rows(run, "s0.tar", "a", masks, [], [error_row("broken")])
    commit_rows(run, "s1.tar", "a", [mask_row("other", "1", shard="s1.tar")], [])
    commit_rows(run, "s2.tar", "a", [], [])
    num_read: list[int] = []

    class CountingStream(io.BufferedReader):
        def read(self, size: int | None = -1, /) -> bytes:
            data = super().read(size)
            num_read.append(len(data))
            return data

    opened = Storage.open_ranges

    def counting(self: Storage, url: str) -> BinaryIO:
        return CountingStream(opened(self, url))  # type: ignore[arg-type]

    monkeypatch.setattr(Storage, "open_ranges", counting)
    monkeypatch.setattr(Storage, "open_read", None)
    assert run.sample_keys() == {*(f"k{number}" for number in range(8)), "other", "broken"}
    assert sum(num_read) < 200_000
