"""A CSV file with a row per object: it waits on the local disk, and is read back row by row."""

from __future__ import annotations

import csv
import io
from collections.abc import Generator, Mapping, Sequence

from infra.errors import ExportError
from infra.exports.spooled_text import SpooledText, write_text
from infra.storage.files import Storage


class CsvIndex:
    """The file on its way; memory holds one row."""

    def __init__(self, columns: Sequence[str]) -> None:
        """StorageError if the local disk has no room."""
        self._columns = columns
        self._text = SpooledText()
        self._text.append(self._line(dict(zip(columns, columns, strict=True))))

    def append(self, row: Mapping[str, object]) -> None:
        """Add a row; what has no column is left out. StorageError if the local disk does not take it."""
        self._text.append(self._line(row))

    def write(self, storage: Storage, url: str) -> None:
        """Write the file. StorageError if it cannot be written."""
        write_text(storage, url, self._text)

    def close(self) -> None:
        """Delete what waits."""
        self._text.close()

    def _line(self, row: Mapping[str, object]) -> str:
        line = io.StringIO(newline="")
        csv.DictWriter(line, self._columns, restval="", extrasaction="ignore").writerow(row)
        return line.getvalue()


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
