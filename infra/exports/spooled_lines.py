"""JSON documents of any size: their parts wait on the local disk, an entry a line, and are read back line by line."""

from __future__ import annotations

import io
import json
from collections.abc import Generator, Mapping
from pathlib import Path
from typing import Any

from infra.errors import ExportError
from infra.json_text import parse_json
from infra.storage.files import Storage
from infra.storage.scratch_folder import ScratchFolder, no_room


class SpooledDocument:
    """A JSON object whose last members are long lists, each written entry by entry.

    An ordinary JSON file, and one entry a line for readers of a stream. Memory holds one entry.
    """

    def __init__(self, *lists: str) -> None:
        """Begin a document with these lists, in this order. StorageError if the local disk has no room."""
        self._scratch = ScratchFolder()
        self._files = {name: self._open(f"{place}.jsonl") for place, name in enumerate(lists)}
        self._counts = dict.fromkeys(lists, 0)

    def append(self, name: str, entry: Mapping[str, object]) -> None:
        """Add an entry to a list, in ASCII: some readers open files in the encoding of their system.

        StorageError if the local disk does not take it.
        """
        line = json.dumps(entry, separators=(",", ":"), allow_nan=False)
        try:
            self._files[name].write(f"{',' if self._counts[name] else ''}\n{line}".encode())
        except OSError as error:
            raise no_room(self._scratch.path, error) from error
        self._counts[name] += 1

    def count(self, name: str) -> int:
        """Entries of a list so far."""
        return self._counts[name]

    def write(self, storage: Storage, url: str, first: Mapping[str, object]) -> None:
        """Write the document, with the members `first` before the lists. StorageError if it cannot be written."""
        whole = self._scratch.path / "whole.json"
        try:
            with whole.open("wb") as out:
                head = [f"{json.dumps(name)}: {json.dumps(value)}" for name, value in first.items()]
                out.write(("{" + ",\n".join(head)).encode())
                for place, (name, file) in enumerate(self._files.items()):
                    out.write(f"{',' if head or place else ''}\n{json.dumps(name)}: [".encode())
                    file.seek(0)
                    while block := file.read(2**20):
                        out.write(block)
                    out.write(b"\n]")
                out.write(b"}\n")
        except OSError as error:
            raise no_room(whole, error) from error
        storage.write_file(url, whole)

    def close(self) -> None:
        """Delete what waits."""
        for file in self._files.values():
            file.close()
        self._scratch.close()

    def _open(self, name: str) -> Any:
        path: Path = self._scratch.path / name
        try:
            return path.open("w+b")
        except OSError as error:
            raise no_room(path, error) from error


def read_list(storage: Storage, url: str, name: str) -> Generator[dict[str, Any], None, None]:
    """Yield the entries, JSON objects, of a list of a document that `SpooledDocument` wrote, one by one.

    Raises:
        ExportError: there is no such list, or it is cut off.
        StorageError: the file cannot be read.
    """
    head, end = f"{json.dumps(name)}: [", ("]", "],", "]}")
    is_inside = False
    with storage.open_read(url) as stream, io.TextIOWrapper(stream, "utf-8", "replace") as text:
        for line in text:
            entry = line.rstrip("\n")
            if not is_inside:
                is_inside = entry == head
            elif entry in end:
                return
            else:
                yield _entry(entry.removesuffix(","), url)
    raise ExportError(f"{url} has no whole list {name!r}: export again into another folder")


def _entry(line: str, url: str) -> dict[str, Any]:
    try:
        entry = parse_json(line)
    except ValueError as error:
        raise ExportError(f"{url} has a broken line ({error}): export again into another folder") from None
    return entry if isinstance(entry, dict) else {}
