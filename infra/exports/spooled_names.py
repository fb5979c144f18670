"""Lists of names, one a line: they wait on the local disk, and are read back line by line."""

from __future__ import annotations

import io
from collections.abc import Generator

from infra.storage.files import Storage
from infra.storage.scratch_folder import ScratchFolder, no_room


class SpooledNames:
    """A list on its way; memory holds one name."""

    def __init__(self) -> None:
        """StorageError if the local disk has no room."""
        self._scratch = ScratchFolder()
        self._path = self._scratch.path / "names.txt"
        self._file = self._path.open("wb")

    def append(self, name: str) -> None:
        """Add a name without line breaks. StorageError if the local disk does not take it."""
        try:
            self._file.write(f"{name}\n".encode())
        except OSError as error:
            raise no_room(self._path, error) from error

    def write(self, storage: Storage, url: str) -> None:
        """Write the list. StorageError if it cannot be written."""
        try:
            self._file.flush()
        except OSError as error:
            raise no_room(self._path, error) from error
        storage.write_file(url, self._path)

    def close(self) -> None:
        """Delete what waits."""
        self._file.close()
        self._scratch.close()


def read_names(storage: Storage, url: str) -> Generator[str, None, None]:
    """Yield the names of a list. StorageError if it cannot be read."""
    with storage.open_read(url) as stream, io.TextIOWrapper(stream, "utf-8", "replace", newline="\n") as text:
        for line in text:
            yield line.removesuffix("\n")
