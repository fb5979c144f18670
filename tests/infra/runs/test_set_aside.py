from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import RunDirectoryError
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard, committed_and_set_aside, delete_outdated, note_set_aside
from infra.storage.files import Storage, Urls, join
from tests.infra.rows import commit_rows

STORAGE = Storage()
FIRST = SetAsideShard("train/a.tar", 3, "there is no such file")
SECOND = SetAsideShard("train/b.tar", 3, "its worker died")


def set_aside(storage: Storage, run_url: str) -> tuple[SetAsideShard, ...]:
    return committed_and_set_aside(RunDirectory(run_url, storage))[1]


def commit(run_url: str, shard: str) -> None:
    commit_rows(RunDirectory(run_url, STORAGE), shard, "1", [], [], [], seconds=1)


def test_a_shard_is_set_aside_until_it_is_committed(folder_url: str) -> None:
    assert set_aside(STORAGE, folder_url) == ()
    for shard in (SECOND, FIRST):
        note_set_aside(STORAGE, folder_url, shard)
    assert set_aside(STORAGE, folder_url) == (FIRST, SECOND)
    commit(folder_url, FIRST.shard)
    assert set_aside(STORAGE, folder_url) == (SECOND,)
    delete_outdated(STORAGE, folder_url, ["train/a.tar", "train/c.tar"])
    assert set_aside(STORAGE, folder_url) == (SECOND,)


def test_a_shard_that_another_run_commits_meanwhile_is_committed_and_not_set_aside(tmp_path: Path) -> None:
    class CommittedMeanwhile(Storage):
        def list(self, url: str) -> Urls:
            listed = super().list(url)
            commit(str(tmp_path), FIRST.shard)  # it is there from the second look on
            return listed

    note_set_aside(STORAGE, str(tmp_path), FIRST)
    committed, given_up = committed_and_set_aside(RunDirectory(str(tmp_path), CommittedMeanwhile()))
    assert (set(committed), given_up) == ({FIRST.shard}, ())


def test_a_record_whose_writer_was_killed_is_none(tmp_path: Path) -> None:
    note_set_aside(STORAGE, str(tmp_path), FIRST)
    (tmp_path / "set_aside" / ".train~2Fb.json.x1y2.tmp").write_bytes(b"")  # as `local_files` begins it
    assert set_aside(STORAGE, str(tmp_path)) == (FIRST,)


def test_the_last_reason_is_kept(folder_url: str) -> None:
    note_set_aside(STORAGE, folder_url, FIRST)
    again = SetAsideShard(FIRST.shard, 3, "access is denied")
    note_set_aside(STORAGE, folder_url, again)
    assert set_aside(STORAGE, folder_url) == (again,)


def test_a_record_that_another_run_clears_away_between_a_look_and_a_read_is_none(tmp_path: Path) -> None:
    class ClearedAway(Storage):
        def list(self, url: str) -> Urls:
            listed = super().list(url)
            if listed:
                STORAGE.delete(listed[0])
            return listed

    for shard in (FIRST, SECOND):
        note_set_aside(STORAGE, str(tmp_path), shard)
    assert set_aside(ClearedAway(), str(tmp_path)) == (SECOND,)


def test_a_reason_with_a_name_of_another_encoding_is_read_back(folder_url: str) -> None:
    shard = SetAsideShard("a.tar", 3, "no file called caf\udce9")
    note_set_aside(STORAGE, folder_url, shard)
    assert set_aside(STORAGE, folder_url) == (shard,)
    assert shard.reason == r"no file called caf\udce9"


@pytest.mark.parametrize(
    "content", [b"", b"[]", b'{"shard": "a.tar"}', b'{"shard": "a.tar", "tries": -1, "reason": ""}', b"\xff"]
)
def test_a_record_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    url = join(str(tmp_path), "set_aside", "a.json")
    STORAGE.write_bytes(url, content)
    with pytest.raises(RunDirectoryError, match=r"a\.json is no record .*delete it"):
        set_aside(STORAGE, str(tmp_path))
