"""JSON files of any size: their long lists have an entry a line, and are written and read entry by entry."""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Mapping
from typing import Any, Final

from infra.errors import ExportError
from infra.exports.spooled_text import SpooledText, write_text
from infra.json_text import parse_json
from infra.storage.files import Storage

_WHOLE_FILE: Final = "["
"""The line before the first entry of a file that is one list."""
_MORE_FOLLOWS, _LAST_LINES = "],", frozenset({"]", "]}"})


class JsonListFile:
    """A file that is one list, on its way. Memory holds one entry."""

    def __init__(self) -> None:
        """Begin a list. StorageError if the local disk has no room."""
        self._entries = _Entries()

    def append(self, entry: Mapping[str, object]) -> None:
        """Add an entry. StorageError if the local disk does not take it."""
        self._entries.append(entry)

    def write(self, storage: Storage, url: str) -> None:
        """Write the file. StorageError if it cannot be written."""
        write_text(storage, url, _WHOLE_FILE, self._entries.text, "\n]\n")

    def close(self) -> None:
        """Delete what waits."""
        self._entries.text.close()


class JsonDocument:
    """A file that is an object, whose last members are long lists, on its way. Memory holds one entry."""

    def __init__(self, *lists: str) -> None:
        """Begin a document with these lists, in this order. StorageError if the local disk has no room."""
        self._lists = {name: _Entries() for name in lists}

    def append(self, name: str, entry: Mapping[str, object]) -> None:
        """Add an entry to a list. StorageError if the local disk does not take it."""
        self._lists[name].append(entry)

    def count(self, name: str) -> int:
        """Entries of a list so far."""
        return self._lists[name].count

    def write(self, storage: Storage, url: str, first: Mapping[str, object]) -> None:
        """Write the document, with the members `first` before the lists. StorageError if it cannot be written."""
        pieces: list[str | SpooledText] = [
            "{" + ",\n".join(f"{json.dumps(name)}: {json.dumps(value)}" for name, value in first.items())
        ]
        for place, (name, entries) in enumerate(self._lists.items()):
            pieces += [f"{',' if first or place else ''}\n{_head(name)}", entries.text, "\n]"]
        write_text(storage, url, *pieces, "}\n")

    def close(self) -> None:
        """Delete what waits."""
        for entries in self._lists.values():
            entries.text.close()


class _Entries:
    """What stands between the brackets of a list."""

    def __init__(self) -> None:
        self.text = SpooledText()
        self.count = 0

    def append(self, entry: Mapping[str, object]) -> None:
        """Add a line, in ASCII: some readers open files in the encoding of their system."""
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False)
        self.text.append(f"{',' if self.count else ''}\n{line}")
        self.count += 1


def read_entries(storage: Storage, url: str, name: str = "") -> Generator[dict[str, Any], None, None]:
    """Yield the entries of a list that was written here, one by one.

    Args:
        storage, url: the file.
        name: of the list in a `JsonDocument`; none for a `JsonListFile`.

    Raises:
        ExportError: there is no such list, it is cut off, something follows it, or an entry is no JSON object.
        StorageError: the file cannot be read.
    """
    head = _head(name) if name else _WHOLE_FILE
    is_inside = False
    with storage.open_read(url) as stream, io.TextIOWrapper(stream, "utf-8", "replace") as text:
        for line in text:
            entry = line.rstrip("\n")
            if not is_inside:
                is_inside = entry == head
            elif entry == _MORE_FOLLOWS or (entry in _LAST_LINES and not text.read(1)):
                return
            else:
                yield _object_of(entry.removesuffix(","), url)
    which = f"list {name!r}" if name else "list"
    raise ExportError(f"{url} has no whole {which}: export again into another folder")


def _head(name: str) -> str:
    return f"{json.dumps(name)}: ["


def _object_of(line: str, url: str) -> dict[str, Any]:
    try:
        entry = parse_json(line)
    except ValueError as error:
        raise ExportError(f"{url} has a broken line ({error}): export again into another folder") from None
    if not isinstance(entry, dict):
        raise ExportError(f"{url} has a line that is no JSON object: export again into another folder")
    return entry
