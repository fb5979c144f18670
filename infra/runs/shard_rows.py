"""Everything an attempt at a shard yields, on the local disk until it is committed."""

from __future__ import annotations

from types import TracebackType
from typing import Any

from infra.runs.part_writer import PartWriter
from infra.runs.tables import CLICKS, ERRORS, MASKS, ClickRow, ErrorRow, MaskRow
from infra.storage.scratch_folder import ScratchFolder


class ShardRows:
    """The three tables of one shard. However many rows it has, memory holds a row group of each at most.

    Attributes:
        masks, clicks, errors: take the rows.
    """

    def __init__(self) -> None:
        """Begin the files. StorageError if the local disk does not take them."""
        self._folder = ScratchFolder()
        path = self._folder.path
        self.masks: PartWriter[MaskRow] = PartWriter(MASKS, path / "masks.parquet")
        self.clicks: PartWriter[ClickRow] = PartWriter(CLICKS, path / "clicks.parquet")
        self.errors: PartWriter[ErrorRow] = PartWriter(ERRORS, path / "errors.parquet")

    @property
    def parts(self) -> tuple[PartWriter[Any], ...]:
        """All three."""
        return self.masks, self.clicks, self.errors

    def finish(self) -> None:
        """End the files: no more rows come. StorageError and ValueError as `PartWriter.append`."""
        for part in self.parts:
            part.close()

    def close(self) -> None:
        """Delete the files, whatever state they are in."""
        for part in self.parts:
            part.abandon()
        self._folder.close()

    def __enter__(self) -> ShardRows:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
