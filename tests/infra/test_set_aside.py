from __future__ import annotations

from pathlib import Path

import pytest

from infra.errors import RunDirectoryError
from infra.set_aside import SetAsideShard, delete_outdated, note_set_aside, set_aside_shards
from infra.storage import Storage, Urls, join

STORAGE = Storage()
FIRST = SetAsideShard("train/a.tar", 3, "there is no such file")
SECOND = SetAsideShard("train/b.tar", 3, "its worker died")


def test_a_shard_is_set_aside_until_it_is_committed(folder_url: str) -> None:
    assert set_aside_shards(STORAGE, folder_url, []) == ()
    for shard in (SECOND, FIRST):
        note_set_aside(STORAGE, folder_url, shard)
    assert set_aside_shards(STORAGE, folder_url, ["train/c.tar"]) == (FIRST, SECOND)
    assert set_aside_shards(STORAGE, folder_url, ["train/a.tar"]) == (SECOND,)
    delete_outdated(STORAGE, folder_url, ["train/a.tar", "train/c.tar"])
    assert set_aside_shards(STORAGE, folder_url, []) == (SECOND,)


def test_the_last_reason_is_kept(folder_url: str) -> None:
    note_set_aside(STORAGE, folder_url, FIRST)
    again = SetAsideShard(FIRST.shard, 3, "access is denied")
    note_set_aside(STORAGE, folder_url, again)
    assert set_aside_shards(STORAGE, folder_url, []) == (again,)


def test_a_record_that_another_run_clears_away_between_a_look_and_a_read_is_none(tmp_path: Path) -> None:
    class ClearedAway(Storage):
        def list(self, url: str) -> Urls:
            listed = super().list(url)
            STORAGE.delete(listed[0])
            return listed

    for shard in (FIRST, SECOND):
        note_set_aside(STORAGE, str(tmp_path), shard)
    assert set_aside_shards(ClearedAway(), str(tmp_path), []) == (SECOND,)


@pytest.mark.parametrize("content", [b"", b"[]", b'{"shard": "a.tar"}', b"\xff"])
def test_a_record_that_is_none_is_named(tmp_path: Path, content: bytes) -> None:
    url = join(str(tmp_path), "set_aside", "a.json")
    STORAGE.write_bytes(url, content)
    with pytest.raises(RunDirectoryError, match=r"a\.json is no record .*delete it"):
        set_aside_shards(STORAGE, str(tmp_path), [])
