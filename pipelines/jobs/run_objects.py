"""The objects of a run with their clicks, from its tables: what reports and comparisons count."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from infra.runs.commit import CommitRecord
from infra.runs.repeated_keys import RepeatedKey, repeated_keys
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, MASKS
from mfp.errors import MetricsError
from mfp.metrics import BEFORE_CLICKS, ClickIous

_OF_MASKS = (
    *("sample_key", "object_id", "start", "start_iou", "iou", "boundary_iou", "num_clicks", "divergence"),
    *("truth_area", "stop_reason", "model_id", "quality", "shard"),
)
_OF_CLICKS = ("sample_key", "object_id", "click_idx", "iou", "quality", "is_obeyed", "is_clamped")
_SEPARATOR = "\0"

Flags = NDArray[np.bool_]
_Rows = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float64], NDArray[np.float64]]


@dataclass(frozen=True)
class RunObjects:
    """Objects and clicks of the committed shards of a run.

    Attributes:
        objects: rows of the masks table without the masks, in the order of the shards.
        object_idx: (num_rows,) int64, the object of each row of the two columns that follow.
        click_idx: (num_rows,) int64, of the clicks; BEFORE_CLICKS for the mask that an object starts from, and for an
            object without any click.
        iou, quality: (num_rows,) float64, after that; NaN where undefined.
        num_clamped: clicks that were aimed outside their image.
        num_disobeyed: clicks after which the mask has their pixel on the other side.
        repeated: keys that samples of several shards share; their objects are apart here.
    """

    objects: pa.Table
    object_idx: NDArray[np.int64]
    click_idx: NDArray[np.int64]
    iou: NDArray[np.float64]
    quality: NDArray[np.float64]
    num_clamped: int
    num_disobeyed: int
    repeated: tuple[RepeatedKey, ...]

    @classmethod
    def read(cls, run: RunDirectory, records: Collection[CommitRecord]) -> RunObjects:
        """Read them from the parts of these commits.

        Raises:
            RunDirectoryError: a part is not the one that was committed.
            MetricsError: an object has clicks and no mask, or another number of them than it says.
        """
        tables, columns, keys = [MASKS.empty(_OF_MASKS)], [_no_rows()], []
        num_objects = num_clamped = num_disobeyed = 0
        parts = zip(
            records,
            run.read_parts(MASKS, records, _OF_MASKS),
            run.read_parts(CLICKS, records, _OF_CLICKS),
            strict=True,
        )
        for record, masks, clicks in parts:
            columns.append(_rows(run.url, masks, clicks, num_objects))
            tables.append(masks)
            keys.append((record.shard, pc.unique(masks["sample_key"])))
            num_objects += masks.num_rows
            num_clamped += _count(clicks["is_clamped"])
            num_disobeyed += clicks.num_rows - _count(clicks["is_obeyed"])
        object_idx, click_idx, iou, quality = (
            np.concatenate(column) for column in zip(*columns, strict=True)
        )
        return cls(
            pa.concat_tables(tables),
            object_idx,
            click_idx,
            iou,
            quality,
            num_clamped,
            num_disobeyed,
            tuple(repeated_keys(keys)),
        )

    def ious(self, of: Flags) -> ClickIous:
        """The IoUs of those of some objects, (num_objects,) bool, that have truth."""
        rows = of[self.object_idx]
        return ClickIous.from_columns(self.object_idx[rows], self.click_idx[rows], self.iou[rows])

    def ordered_ious(self, order: NDArray[np.int64]) -> ClickIous:
        """The IoUs of objects with truth, by their numbers, in that order."""
        place = np.full(self.objects.num_rows, -1)
        place[order] = np.arange(len(order))
        rows = place[self.object_idx] >= 0
        return ClickIous.from_columns(place[self.object_idx[rows]], self.click_idx[rows], self.iou[rows])

    @property
    def has_truth(self) -> Flags:
        """(num_objects,): no IoU of theirs is undefined. Those are the objects of `ious`, in the same order."""
        known = np.ones(self.objects.num_rows, np.bool_)
        known[self.object_idx[np.isnan(self.iou)]] = False
        return known

    def column(self, name: str) -> NDArray[Any]:
        """(num_objects,) of a column of `objects`; NaN for a number that is not there."""
        values: NDArray[Any] = self.objects[name].to_numpy()
        return values

    @property
    def names(self) -> NDArray[np.object_]:
        """(num_objects,): sample key and object id in one text; `object_of` takes both out again."""
        joined = pc.binary_join_element_wise(
            self.objects["sample_key"], self.objects["object_id"], _SEPARATOR
        )
        return np.array([*joined.to_pylist()], object)


def object_of(name: str) -> tuple[str, str]:
    """The sample key and the object id of an object, by its name in `RunObjects.names`."""
    key, _, object_id = name.partition(_SEPARATOR)
    return key, object_id


def _rows(run_url: str, masks: pa.Table, clicks: pa.Table, num_before: int) -> _Rows:
    """Object, click index, IoU and quality of each row of a shard whose first object has the number `num_before`."""
    found = pc.index_in(_joined(clicks), _joined(masks))
    if found.null_count:
        row = clicks.slice(pc.index(pc.is_null(found), True).as_py(), 1).to_pylist()[0]
        raise MetricsError(
            f"{run_url}: object {row['object_id']!r} of sample {row['sample_key']!r} has clicks and no mask; see mfp "
            "verify"
        )
    num_rows = np.bincount(found.to_numpy(), minlength=masks.num_rows)
    wrong = np.flatnonzero(num_rows != masks["num_clicks"].to_numpy())
    if wrong.size:
        row = masks.slice(int(wrong[0]), 1).to_pylist()[0]
        raise MetricsError(
            f"{run_url}: object {row['object_id']!r} of sample {row['sample_key']!r} has {num_rows[wrong[0]]} rows of "
            f"clicks, and says {row['num_clicks']}; see mfp verify"
        )
    is_start = masks["start"].to_numpy() == "mask"
    first = np.flatnonzero(is_start | (masks["num_clicks"].to_numpy() == 0))
    before = np.where(is_start, masks["start_iou"].to_numpy(), masks["iou"].to_numpy())[first]
    return (
        np.concatenate([first, found.to_numpy().astype(np.int64)]) + num_before,
        np.concatenate([np.full(len(first), BEFORE_CLICKS), clicks["click_idx"].to_numpy()]).astype(np.int64),
        np.concatenate([before, clicks["iou"].to_numpy()]).astype(np.float64),
        np.concatenate([np.full(len(first), np.nan), clicks["quality"].to_numpy()]).astype(np.float64),
    )


def _no_rows() -> _Rows:
    return np.zeros(0, np.int64), np.zeros(0, np.int64), np.zeros(0), np.zeros(0)


def _joined(table: pa.Table) -> pa.ChunkedArray:
    return pc.binary_join_element_wise(table["sample_key"], table["object_id"], _SEPARATOR)


def _count(flags: pa.ChunkedArray) -> int:
    return int(pc.sum(flags).as_py() or 0)
