"""Two drivers of one training run."""

from __future__ import annotations

import pytest

from infra.errors import RunDirectoryError
from infra.storage.files import Storage, join
from infra.training_driver import DRIVER_FILE, check_driver, new_driver, take_over

WITHOUT_ZONE = b'{"name": "x", "replaces": null, "host": "h", "since": "2026-11-28T12:00:00"}'


@pytest.fixture
def storage() -> Storage:
    return Storage()


def test_the_later_driver_has_the_run_and_the_earlier_one_is_told(folder_url: str, storage: Storage) -> None:
    first = new_driver(storage, folder_url)
    take_over(storage, folder_url, first)
    second = new_driver(storage, folder_url)
    check_driver(storage, folder_url, first)  # it is not taken over before the second one's workers are there
    take_over(storage, folder_url, second)
    take_over(storage, folder_url, second)  # its workers were started again
    check_driver(storage, folder_url, second)
    for still_trying in (check_driver, take_over):
        with pytest.raises(RunDirectoryError, match="was taken over by a run begun at") as caught:
            still_trying(storage, folder_url, first)
        assert "\n" not in str(caught.value)


def test_of_two_that_are_begun_together_the_one_that_comes_last_stops(
    folder_url: str, storage: Storage
) -> None:
    take_over(storage, folder_url, new_driver(storage, folder_url))
    first, second = (new_driver(storage, folder_url) for _ in range(2))
    take_over(storage, folder_url, second)
    with pytest.raises(RunDirectoryError, match="was taken over"):
        take_over(storage, folder_url, first)
    check_driver(storage, folder_url, second)


def test_a_file_that_somebody_deleted_stops_nobody(folder_url: str, storage: Storage) -> None:
    driver = new_driver(storage, folder_url)
    take_over(storage, folder_url, driver)
    storage.delete(join(folder_url, DRIVER_FILE))
    check_driver(storage, folder_url, driver)


@pytest.mark.parametrize("text", [b"", b"[]", b"{}", b'{"name": "x"}', WITHOUT_ZONE, b"\xff"])
def test_a_damaged_file_is_named(text: bytes, folder_url: str, storage: Storage) -> None:
    storage.write_bytes(join(folder_url, DRIVER_FILE), text)
    with pytest.raises(RunDirectoryError, match=r"driver\.json is damaged \(.*\): delete it"):
        new_driver(storage, folder_url)
