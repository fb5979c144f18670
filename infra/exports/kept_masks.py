"""`objects.parquet` beside an export: a row per object with what its format kept of the mask."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, fields
from types import TracebackType
from typing import Self

import pyarrow as pa
import pyarrow.parquet as pq

from infra.exports.own_files import OBJECTS_FILE
from infra.storage.files import Storage
from infra.storage.scratch_folder import ScratchFolder, no_room

_ROWS_IN_GROUP = 65_536
_SCHEMA = pa.schema(
    [
        pa.field("sample_key", pa.string(), nullable=False),
        pa.field("object_id", pa.string(), nullable=False),
        pa.field("category", pa.string(), nullable=False),
        pa.field("kept_iou", pa.float64(), nullable=False),
    ]
)


@dataclass(frozen=True, slots=True)
class KeptMask:
    """One object of an export; `kept_iou`, in [0, 1], is that of its mask in the files with its mask in the run."""

    sample_key: str
    object_id: str
    category: str
    kept_iou: float


class KeptMasksFile:
    """The rows on their way into the file: they wait on the local disk. Leaving the block deletes what waits."""

    def __init__(self) -> None:
        """StorageError if the local disk has no room."""
        self._scratch = ScratchFolder()
        self._path = self._scratch.path / OBJECTS_FILE
        try:
            self._file = pq.ParquetWriter(self._path, _SCHEMA, compression="zstd")
        except OSError as error:
            self._scratch.close()
            raise no_room(self._path, error) from error
        self._waiting: list[KeptMask] = []
        self.num_rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        with suppress(OSError):  # a full disk was told before
            self._file.close()
        self._scratch.close()

    def append(self, row: KeptMask) -> None:
        """Take a row in. StorageError if the local disk does not take it."""
        self._waiting.append(row)
        self.num_rows += 1
        if len(self._waiting) == _ROWS_IN_GROUP:
            self._write_group()

    def write(self, storage: Storage, url: str) -> None:
        """Write the file. StorageError if it cannot be written."""
        self._write_group()
        try:
            self._file.close()
        except OSError as error:
            raise no_room(self._path, error) from error
        storage.write_file(url, self._path)

    def _write_group(self) -> None:
        columns = [
            pa.array([getattr(row, field.name) for row in self._waiting], _SCHEMA.field(field.name).type)
            for field in fields(KeptMask)
        ]
        try:
            self._file.write_table(pa.Table.from_arrays(columns, schema=_SCHEMA))
        except OSError as error:
            raise no_room(self._path, error) from error
        self._waiting.clear()
