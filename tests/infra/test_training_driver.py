"""Two drivers of one training run."""

from __future__ import annotations

import pytest

from infra.errors import RunDirectoryError
from infra.storage.files import Storage, join
from infra.training_driver import DRIVER_FILE, check_driver, take_over


@pytest.fixture
def storage() -> Storage:
    return Storage()


def test_the_later_driver_has_the_run_and_the_earlier_one_is_told(folder_url: str, storage: Storage) -> None:
    first = take_over(storage, folder_url)
    check_driver(storage, folder_url, first)
    second = take_over(storage, folder_url)
    check_driver(storage, folder_url, second)
    with pytest.raises(RunDirectoryError, match="was taken over by an `mfp train` begun at") as caught:
        check_driver(storage, folder_url, first)
    assert "\n" not in str(caught.value)


def test_a_file_that_somebody_deleted_stops_nobody(folder_url: str, storage: Storage) -> None:
    name = take_over(storage, folder_url)
    storage.delete(join(folder_url, DRIVER_FILE))
    check_driver(storage, folder_url, name)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"name": "x"}', b"\xff"])
def test_a_damaged_file_is_named(text: bytes, folder_url: str, storage: Storage) -> None:
    storage.write_bytes(join(folder_url, DRIVER_FILE), text)
    with pytest.raises(RunDirectoryError, match=r"driver\.json is damaged: delete it"):
        check_driver(storage, folder_url, "x")
