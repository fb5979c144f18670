"""A local disk without room ends an export in one line, whenever it shows."""

from __future__ import annotations

import resource
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from secrets import token_hex

import pytest

from infra.errors import StorageError
from infra.exports.kept_masks import KeptMask, KeptMasksFile
from infra.exports.spooled_text import SpooledText, write_text
from infra.storage.files import Storage

ROOM = 2_000


@contextmanager
def little_room() -> Iterator[None]:
    """No file may grow beyond `ROOM` bytes: a write fails as it does on a full disk."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (ROOM, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@pytest.mark.parametrize("num_bytes", [ROOM + 1, 2**17], ids=["in the buffer", "written at once"])
def test_text_that_finds_no_room(num_bytes: int, tmp_path: Path) -> None:
    with (
        little_room(),
        pytest.raises(StorageError, match=r"cannot write .* make room"),
        closing(SpooledText()) as text,
    ):
        text.append("x" * num_bytes)
        write_text(Storage(), str(tmp_path / "out"), text)


def test_rows_of_objects_that_find_no_room(tmp_path: Path) -> None:
    with (
        little_room(),
        pytest.raises(StorageError, match=r"cannot write .* make room"),
        KeptMasksFile() as file,
    ):
        for number in range(70_000):
            file.append(KeptMask(f"{hash(number * 7919)}", str(number), "cat", number / 70_000))
        file.write(Storage(), str(tmp_path / "out"))


def test_the_last_rows_of_objects_that_find_no_room(tmp_path: Path) -> None:
    with pytest.raises(StorageError, match=r"cannot write .* make room"), KeptMasksFile() as file:
        for number in range(3):
            file.append(KeptMask(token_hex(5_000), str(number), "cat", 1.0))
        with little_room():
            file.write(Storage(), str(tmp_path / "out"))
