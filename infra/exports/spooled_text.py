"""A text file of any size: its pieces wait on the local disk, and its first and last lines may be known last."""

from __future__ import annotations

import io
import shutil
from collections.abc import Generator

from infra.storage.files import Storage
from infra.storage.scratch_folder import ScratchFolder, no_room


class SpooledText:
    """A UTF-8 file that is written piece by piece. Memory holds one piece."""

    def __init__(self) -> None:
        """Begin a file. StorageError if the local disk has no room."""
        self._scratch = ScratchFolder()
        path = self._scratch.path / "pieces"
        try:
            self._file = path.open("w+b")
        except OSError as error:
            raise no_room(path, error) from error

    def append(self, piece: str) -> None:
        """Add a piece. StorageError if the local disk does not take it."""
        try:
            self._file.write(piece.encode())
        except OSError as error:
            raise no_room(self._scratch.path, error) from error

    def write(self, storage: Storage, url: str, head: str = "", tail: str = "") -> None:
        """Write the file: `head`, the pieces and `tail`. StorageError if it cannot be written."""
        whole = self._scratch.path / "whole"
        try:
            with whole.open("wb") as out:
                out.write(head.encode())
                self._file.seek(0)
                shutil.copyfileobj(self._file, out, 2**20)
                out.write(tail.encode())
        except OSError as error:
            raise no_room(whole, error) from error
        storage.write_file(url, whole)

    def close(self) -> None:
        """Delete what waits."""
        self._file.close()
        self._scratch.close()


def read_lines(storage: Storage, url: str) -> Generator[str, None, None]:
    """Yield the lines of a text without their ends. StorageError if it cannot be read."""
    with storage.open_read(url) as stream, io.TextIOWrapper(stream, "utf-8", "replace", newline="\n") as text:
        for line in text:
            yield line.removesuffix("\n")
