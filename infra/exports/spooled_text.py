"""Text files of any size: their pieces wait on the local disk, and what comes before them may be known last."""

from __future__ import annotations

import io
import shutil
from collections.abc import Generator
from contextlib import suppress
from typing import BinaryIO

from infra.storage.files import Storage
from infra.storage.scratch_folder import ScratchFolder, no_room


class SpooledText:
    """A part of a UTF-8 file that is written piece by piece. Memory holds one piece."""

    def __init__(self) -> None:
        """Begin it. StorageError if the local disk has no room."""
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

    def copy_to(self, out: BinaryIO) -> None:
        """Write the pieces into a stream. OSError if they cannot be."""
        self._file.seek(0)
        shutil.copyfileobj(self._file, out, 2**20)

    def close(self) -> None:
        """Delete what waits."""
        with suppress(OSError):  # it writes what is buffered, and a full disk was told before
            self._file.close()
        self._scratch.close()


def write_text(storage: Storage, url: str, *pieces: str | SpooledText) -> None:
    """Write a file of these pieces, one behind the other. StorageError if it cannot be written."""
    scratch = ScratchFolder()
    try:
        whole = scratch.path / "whole"
        try:
            with whole.open("wb") as out:
                for piece in pieces:
                    if isinstance(piece, str):
                        out.write(piece.encode())
                    else:
                        piece.copy_to(out)
        except OSError as error:
            raise no_room(whole, error) from error
        storage.write_file(url, whole)
    finally:
        scratch.close()


def read_lines(storage: Storage, url: str) -> Generator[str, None, None]:
    """Yield the lines of a text without their ends. StorageError if it cannot be read."""
    with storage.open_read(url) as stream, io.TextIOWrapper(stream, "utf-8", "replace", newline="\n") as text:
        for line in text:
            yield line.removesuffix("\n")
