"""A run of `mfp label` or `mfp evaluate`, for whoever wants its rows: Arrow tables and NumPy masks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa

from actors.specs.label import LabelSpec
from infra import rle
from infra.runs.reviews import Review, read_reviews
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, ERRORS, MASKS, TableKind
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.missing_objects import no_such_object
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.report import Report, build_report

_COLUMNS = ("sample_key", "object_id", "height", "width", "rle")


class Run:
    """The directory of a run. Only committed shards are read, each time anew: a run that goes on has more later."""

    def __init__(self, url: str, storage: Storage) -> None:
        """Look for the run. RunDirectoryError if there is none at `url`."""
        self.url = url
        self._directory = RunDirectory(url, storage)
        self._record = read_record(LabelRecord, url, storage)

    @property
    def spec(self) -> LabelSpec:
        """What the run was told."""
        return self._record.spec

    @property
    def is_finished(self) -> bool:
        """Whether every shard is committed."""
        return len(self._directory.committed()) == self._record.dataset.num_shards

    def masks(self, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per object; `rle` holds COCO compressed counts, see docs/python.md for the columns."""
        return self._directory.read_masks(_known(columns, MASKS))

    def clicks(self, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per click, (y, x) in image pixels."""
        return self._directory.read_clicks(_known(columns, CLICKS))

    def errors(self, columns: Sequence[str] | None = None) -> pa.Table:
        """One row per sample or object that was set aside, with the reason."""
        return self._directory.read_errors(_known(columns, ERRORS))

    def mask(self, key: str, object_id: str) -> npt.NDArray[np.bool_]:
        """The mask of one object, (H, W) bool in pixels of its image.

        Raises:
            OptionError: the run has no such object, or not yet.
            RunDirectoryError, StorageError: its rows cannot be read.

        """
        records = list(self._directory.committed().values())
        for part in self._directory.read_parts(MASKS, records, _COLUMNS):
            for row in part.to_pylist():
                if (row["sample_key"], row["object_id"]) == (key, object_id):
                    return rle.decode(row["rle"], row["height"], row["width"])
        what = f"object {object_id!r} of sample {key!r}"
        raise no_such_object(self._directory, records, self._record.dataset.num_shards, key, what)

    def reviews(self) -> Mapping[tuple[str, str], Review]:
        """The newest decision on every object that somebody has decided on, by sample key and object id."""
        return read_reviews(self._directory)

    def report(self) -> Report:
        """Its figures."""
        return build_report(self.url, self._directory.storage)


def _known(columns: Sequence[str] | None, kind: TableKind[Any]) -> Sequence[str] | None:
    """The columns, None for all. OptionError if the table has no such column."""
    asked = [columns] if isinstance(columns, str) else columns or ()
    wrong = [name for name in asked if name not in kind.schema.names]
    if wrong or isinstance(columns, str):
        raise OptionError(
            f"columns {columns!r}: must be a list of columns of {kind.name}, which are {', '.join(kind.schema.names)}"
        )
    return columns
