"""The folder of an export: empty before, one export's while it writes, and called whole at the end, or emptied."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from infra.errors import ExportError, StorageError, UnusableStorageError
from infra.exports.own_files import BEGUN_FILE, EXPORT_FILE
from infra.json_text import JsonValue
from infra.storage.files import Storage, join

_REMEDY: Final = "give another folder as --to"


class ExportFolder:
    """A folder that one export writes to."""

    def __init__(self, storage: Storage, url: str) -> None:
        self._storage = storage
        self._url = url

    def refuse_files(self) -> None:
        """ExportError if there is a file in it, or it cannot be a folder; UnusableStorageError of a storage."""
        with _remedy():
            there = next(iter(self._storage.walk(self._url)), None)
        if there is not None:
            raise ExportError(
                f"{self._url} is not empty (it holds {there}): an export never replaces files; {_REMEDY}"
            )

    def take(self) -> None:
        """Take it for this export, so that what cannot be written to shows before hours of work.

        Raises:
            ExportError: another export has taken it, or it cannot be written to.
            UnusableStorageError: of a storage that wants something else first.
        """
        begun, token = join(self._url, BEGUN_FILE), secrets.token_bytes(16)
        with _remedy():  # a put that is sent again finds its own file there
            is_ours = self._storage.create_bytes(begun, token) or self._storage.read_bytes(begun) == token
        if not is_ours:
            raise ExportError(f"another export writes to {self._url} ({begun} is there): {_REMEDY}")

    def call_whole(self, document: Mapping[str, JsonValue]) -> None:
        """Write what the export says of itself, as the last of its files. StorageError if it cannot be written."""
        with suppress(StorageError):  # some may write and not delete; the file does no harm
            self._storage.delete(join(self._url, BEGUN_FILE))
        self._storage.write_bytes(join(self._url, EXPORT_FILE), json.dumps(document, indent=1).encode())

    def empty(self) -> None:
        """Delete what was written: half an export looks like a whole one to the next program."""
        with suppress(StorageError):
            for url in list(self._storage.walk(self._url)):
                self._storage.delete(url)


@contextmanager
def _remedy() -> Iterator[None]:
    try:
        yield
    except UnusableStorageError:
        raise  # says itself what to do
    except StorageError as error:
        raise ExportError(f"{error}; {_REMEDY}") from None
