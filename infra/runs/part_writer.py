"""Rows of one table on their way into a part file: in row groups on the local disk, not in memory."""

from __future__ import annotations

import contextlib
from pathlib import Path
from typing import Generic

import pyarrow.parquet as pq

from infra.runs.tables import RowT, TableKind
from infra.storage.scratch_folder import no_room

ROWS_IN_GROUP = 1024
BYTES_IN_GROUP = 2**22  # run-length encodings, which masks of large images may have a megabyte of


class PartWriter(Generic[RowT]):
    """A Parquet file (zstd) in the making; its rows keep the order in which they came.

    The same rows give the same bytes. Memory holds one row group at most.

    Attributes:
        kind: the table.
        path: of the file; it is whole once `close` has returned.
        num_rows: so far.
    """

    def __init__(self, kind: TableKind[RowT], path: Path) -> None:
        """Begin the file. StorageError if the disk does not take it, here as in `append` and `close`."""
        self.kind = kind
        self.path = path
        self.num_rows = 0
        self._waiting: list[RowT] = []
        self._waiting_bytes = 0
        try:
            self._file = pq.ParquetWriter(path, kind.schema, compression="zstd")
        except OSError as error:
            raise no_room(path, error) from error

    def append(self, row: RowT) -> None:
        """Take a row in. ValueError for a NaN or a value that its column cannot hold, once its group is full."""
        self._waiting.append(row)
        self._waiting_bytes += len(getattr(row, "rle", b""))
        self.num_rows += 1
        if len(self._waiting) == ROWS_IN_GROUP or self._waiting_bytes >= BYTES_IN_GROUP:
            self._write_group()

    def close(self) -> None:
        """Write what waits and end the file; without rows it is a file too, so that a glob always matches one."""
        if self._waiting:
            self._write_group()
        try:
            self._file.close()
        except OSError as error:
            raise no_room(self.path, error) from error

    def abandon(self) -> None:
        """Let go of the file, whole or not, without an error: nobody wants it any more."""
        with contextlib.suppress(OSError):
            self._file.close()
        self._file.is_open = False  # where it could not be ended, pyarrow would try again on collection

    def _write_group(self) -> None:
        table = self.kind.to_table(self._waiting)
        self._waiting.clear()
        self._waiting_bytes = 0
        try:
            self._file.write_table(table)
        except OSError as error:
            raise no_room(self.path, error) from error
