"""A CSV file with a row per object: it waits on the local disk, and is read back row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Mapping, Sequence

from infra.errors import ExportError
from infra.storage.files import Storage
from infra.storage.scratch_folder import ScratchFolder, no_room


class CsvIndex:
    """The file on its way; memory holds one row."""

    def __init__(self, columns: Sequence[str]) -> None:
        """StorageError if the local disk has no room."""
        self._scratch = ScratchFolder()
        self._path = self._scratch.path / "index.csv"
        self._file = self._path.open("w", encoding="utf-8", newline="")
        self._rows = csv.DictWriter(self._file, columns, restval="", extrasaction="ignore")
        self._rows.writeheader()

    def append(self, row: Mapping[str, object]) -> None:
        """Add a row; what has no column is left out. StorageError if the local disk does not take it."""
        try:
            self._rows.writerow(row)
        except OSError as error:
            raise no_room(self._path, error) from error

    def write(self, storage: Storage, url: str) -> None:
        """Write the file. StorageError if it cannot be written."""
        try:
            self._file.flush()
        except OSError as error:
            raise no_room(self._path, error) from error
        storage.write_file(url, self._path)

    def close(self) -> None:
        """Delete what waits."""
        self._file.close()
        self._scratch.close()


def read_index(storage: Storage, url: str) -> Generator[dict[str, str], None, None]:
    """Yield the rows of an index. ExportError if it is no CSV; StorageError if it cannot be read."""
    with (
        storage.open_read(url) as stream,
        io.TextIOWrapper(stream, "utf-8", "replace", newline="") as text,
    ):
        try:
            yield from csv.DictReader(text)
        except csv.Error as error:
            raise ExportError(f"{url} has a broken row ({error}): export again into another folder") from None
