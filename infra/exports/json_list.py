"""A file that is one JSON list of any length: an entry a line, written and read entry by entry."""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Mapping
from typing import Any

from infra.errors import ExportError
from infra.exports.spooled_text import SpooledText
from infra.storage.files import Storage


class JsonListFile:
    """The list on its way into the file. Memory holds one entry."""

    def __init__(self) -> None:
        """Begin a list. StorageError if the local disk has no room."""
        self._text = SpooledText()
        self._is_empty = True

    def append(self, entry: Mapping[str, object]) -> None:
        """Add an entry. StorageError if the local disk does not take it."""
        line = json.dumps(entry, ensure_ascii=False, separators=(",", ":"), allow_nan=False)
        self._text.append(f"{'' if self._is_empty else ','}\n{line}")
        self._is_empty = False

    def write(self, storage: Storage, url: str) -> None:
        """Write the file. StorageError if it cannot be written."""
        self._text.write(storage, url, "[", "\n]\n")

    def close(self) -> None:
        """Delete what waits."""
        self._text.close()


def read_entries(storage: Storage, url: str) -> Generator[Any, None, None]:
    """Yield the entries of a list that `JsonListFile` wrote, one by one.

    Raises:
        ExportError: the list is cut off.
        StorageError: the file cannot be read.
    """
    with storage.open_read(url) as stream, io.TextIOWrapper(stream, "utf-8") as text:
        next(text, "")
        for line in text:
            entry = line.rstrip("\n")
            if entry == "]":
                return
            yield json.loads(entry.removesuffix(","))
    raise ExportError(f"{url} is cut off: export again into another folder")
