"""The folder of an export: empty before, one export's while it writes, and called whole at the end, or emptied."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Final

from infra.errors import ExportError, StorageError, UnusableStorageError
from infra.exports.own_files import CLAIM_FILE, EXPORT_FILE
from infra.json_text import JsonValue
from infra.storage.create_once import create_or_read
from infra.storage.files import Storage, join

_REMEDY: Final = "give another folder as --to"


class ExportFolder:
    """A folder that one export writes to."""

    def __init__(self, storage: Storage, url: str) -> None:
        self._storage = storage
        self._url = url
        self._claim = join(url, CLAIM_FILE)

    def refuse_files(self) -> None:
        """Refuse a folder that holds anything, before hours of work.

        Raises:
            ExportError: there is a file in it, or it cannot be a folder.
            UnusableStorageError: of a storage that wants something else first.
        """
        with _remedy():
            there = next(iter(self._storage.walk(self._url)), None)
            if there is not None and self._storage.exists(self._claim):
                raise self._is_taken()
            self._refuse_other_files()

    def take(self) -> None:
        """Take it for this export, so that what cannot be written to shows now, and no other export deletes its files.

        Raises:
            ExportError: another export has taken it, files have come since, or it cannot be written to.
            UnusableStorageError: of a storage that wants something else first.
        """
        mine = json.dumps({"export": secrets.token_hex(16)}).encode()
        with _remedy():
            if create_or_read(self._storage, self._claim, mine) not in (None, mine):
                raise self._is_taken()
            try:
                self._refuse_other_files()
            except ExportError:
                self._storage.delete(self._claim)
                raise

    def call_whole(self, document: Mapping[str, JsonValue]) -> None:
        """Write what the export says of itself, as the last of its files. StorageError if it cannot be written."""
        self._storage.delete(self._claim)
        self._storage.write_bytes(join(self._url, EXPORT_FILE), json.dumps(document, indent=1).encode())

    def empty(self) -> None:
        """Delete what was written: half an export looks like a whole one to the next program."""
        with suppress(StorageError):
            for url in list(self._storage.walk(self._url)):
                if url != self._claim:
                    self._storage.delete(url)
            self._storage.delete(self._claim)  # last: what could not be deleted still looks unfinished

    def _refuse_other_files(self) -> None:
        there = next((url for url in self._storage.walk(self._url) if url != self._claim), None)
        if there is not None:
            raise ExportError(
                f"{self._url} is not empty (it holds {there}): an export never replaces files; {_REMEDY}"
            )

    def _is_taken(self) -> ExportError:
        return ExportError(
            f"there is {self._claim}: another export writes into this folder, or was killed; {_REMEDY}, or delete this "
            "one if no export is going on"
        )


@contextmanager
def _remedy() -> Iterator[None]:
    try:
        yield
    except UnusableStorageError:
        raise  # says itself what to do
    except StorageError as error:
        raise ExportError(f"{error}; {_REMEDY}") from None
