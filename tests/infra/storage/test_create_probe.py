"""The probe tells storages that decide who creates a file from those that only say so."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from infra.errors import StorageError
from infra.storage.create_probe import PROBE_PREFIX, honours_condition
from infra.storage.files import Storage, join
from infra.storage.options import StorageOptions
from tests.infra.overwriting import Overwriting
from tests.look_alike_s3 import Manner, look_alike_s3

STORAGE = Storage()


def test_local_files_and_s3_honour_the_condition_and_no_probe_stays(folder_url: str) -> None:
    assert honours_condition(STORAGE, folder_url)
    assert list(STORAGE.walk(folder_url)) == []


@pytest.mark.parametrize("manner", ["ignores_conditions", "refuses_conditions"])
def test_an_s3_server_without_the_condition_is_found_out(
    s3_endpoint: str, s3_bucket: str, manner: Manner
) -> None:
    with look_alike_s3(s3_endpoint, manner) as endpoint:
        assert not honours_condition(Storage(StorageOptions(endpoint)), f"{s3_bucket}/run")
    assert list(STORAGE.walk(s3_bucket)) == []


@pytest.mark.parametrize("number", [errno.EPERM, errno.ENOTSUP, errno.ENOSYS])
def test_a_disk_without_hard_links_is_found_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    def no_links(source: object, target: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("os.link", no_links)  # no such file system can be mounted here
    assert not honours_condition(STORAGE, str(tmp_path))
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("honours", [True, False])
def test_puts_that_are_sent_twice_change_nothing_about_the_answer(folder_url: str, honours: bool) -> None:
    class AnswerLost(Storage if honours else Overwriting):  # type: ignore[misc]
        def create_bytes(self, url: str, data: bytes) -> bool:
            super().create_bytes(url, data)
            return bool(super().create_bytes(url, data))

    assert honours_condition(AnswerLost(), folder_url) is honours


def test_a_storage_that_gives_back_something_else_is_no_answer(tmp_path: Path) -> None:
    class Damaging(Storage):
        def read_bytes(self, url: str) -> bytes:
            return super().read_bytes(url)[:-1] + b"?"

    with pytest.raises(StorageError, match="holds what nobody wrote there"):
        honours_condition(Damaging(), str(tmp_path))


def test_a_probe_that_cannot_be_deleted_is_in_nobodys_way(tmp_path: Path) -> None:
    class Undeletable(Storage):
        def delete(self, url: str) -> None:
            raise StorageError(f"cannot delete {url}: access is denied")

    for _ in range(2):
        assert honours_condition(Undeletable(), str(tmp_path))
    assert all(url.startswith(join(str(tmp_path), PROBE_PREFIX)) for url in STORAGE.list(str(tmp_path)))
