"""The objects of a run that is reviewed: what ranks them is in memory, their masks are read a shard at a time."""

from __future__ import annotations

import threading
from collections import OrderedDict, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from infra.runs.commit import CommitRecord
from infra.runs.reviews import digest_of
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import MASKS

_COLUMNS = ("sample_key", "object_id", "height", "width", "area", "num_clicks", "quality", "iou", "model_id")
_SHARDS_KEPT = 8


@dataclass(frozen=True, slots=True)
class RunRow:
    """A row of the masks table without its mask.

    Attributes:
        digest: of the object (`infra.runs.reviews.digest_of`).
        attempt: of the commit that the row is of.
        place: of the row in its part.
        others: see `infra.runs.tables.MaskRow`.
    """

    digest: str
    shard: str
    attempt: str
    place: int
    sample_key: str
    object_id: str
    height: int
    width: int
    area: int
    num_clicks: int
    quality: float | None
    iou: float | None
    model_id: str


class RunRows:
    """The rows of the committed shards. Safe to use from several threads."""

    def __init__(self, run: RunDirectory) -> None:
        self._run = run
        self._lock = threading.Lock()
        self._records: dict[str, CommitRecord] = {}
        self._rows: dict[str, RunRow] = {}
        self._of_sample: dict[tuple[str, str], list[RunRow]] = defaultdict(list)
        self._masks: OrderedDict[str, list[bytes]] = OrderedDict()

    def refresh(self) -> None:
        """Read the rows of shards that were committed since.

        Raises:
            InfraError: the run cannot be read.

        """
        records = [record for name, record in self._run.committed().items() if name not in self._records]
        records.sort(key=lambda record: record.shard)
        for record, table in zip(records, self._run.read_parts(MASKS, records, _COLUMNS), strict=True):
            rows = [_row(record, place, values) for place, values in enumerate(table.to_pylist())]
            with self._lock:
                self._records[record.shard] = record
                self._rows |= {row.digest: row for row in rows}
                for row in rows:
                    self._of_sample[row.shard, row.sample_key].append(row)

    def all(self) -> Sequence[RunRow]:
        """Every row, in the order of the shards."""
        with self._lock:
            return list(self._rows.values())

    def of(self, digest: str) -> RunRow | None:
        """The row of an object; None: the run has no such object."""
        return self._rows.get(digest)

    def of_sample(self, shard: str, sample_key: str) -> Sequence[RunRow]:
        """The rows of a sample in the order of the run."""
        return self._of_sample.get((shard, sample_key), [])

    def record_of(self, shard: str) -> CommitRecord | None:
        """The commit of a shard; None before there is one."""
        return self._records.get(shard)

    @property
    def shards(self) -> Sequence[str]:
        """Those that are committed, in their order."""
        return sorted(self._records)

    def rle(self, row: RunRow) -> bytes:
        """The mask of a row: COCO's compressed counts. InfraError if it cannot be read."""
        with self._lock:
            masks = self._masks.get(row.shard)
        if masks is None:
            (table,) = self._run.read_parts(MASKS, [self._records[row.shard]], ["rle"])
            masks = table["rle"].to_pylist()
        with self._lock:
            self._masks[row.shard] = masks
            self._masks.move_to_end(row.shard)
            while len(self._masks) > _SHARDS_KEPT:
                self._masks.popitem(last=False)
        return masks[row.place]


def _row(record: CommitRecord, place: int, values: Any) -> RunRow:
    digest = digest_of(record.shard, values["sample_key"], values["object_id"])
    return RunRow(digest=digest, shard=record.shard, attempt=record.attempt, place=place, **values)
