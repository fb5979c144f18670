"""The rows of one attempt at a shard, gathered while its sessions end in any order."""

from __future__ import annotations

import time
from dataclasses import dataclass

import numpy as np

from actors.hand_out import Assignment
from actors.object_sessions import ObjectKey
from infra import rle
from infra.commit import ShardRows
from infra.errors import SampleError
from infra.tables import BoundingBox, ClickRow, ErrorRow, MaskRow, RegionBounds
from mfp.session import FinishedSession


@dataclass(frozen=True)
class LabelCounts:
    """How much was done: objects with a mask, clicks on them, rows in `errors`."""

    objects: int = 0
    clicks: int = 0
    quarantined: int = 0

    def __add__(self, other: LabelCounts) -> LabelCounts:
        return LabelCounts(
            self.objects + other.objects,
            self.clicks + other.clicks,
            self.quarantined + other.quarantined,
        )


class GatheredRows:
    """Rows so far, and whether more can come: a shard is complete when it was read and no session is open."""

    def __init__(self, assignment: Assignment, model_id: str) -> None:
        self.assignment = assignment
        self._model_id = model_id
        self._masks: list[MaskRow] = []
        self._clicks: list[ClickRow] = []
        self._errors: list[ErrorRow] = []
        self._num_open = 0
        self._is_read = False
        self._started: float | None = None

    @property
    def is_complete(self) -> bool:
        """Nothing of this shard is still to come."""
        return self._is_read and self._num_open == 0

    @property
    def counts(self) -> LabelCounts:
        """What was gathered until now; may be asked from another thread."""
        return LabelCounts(len(self._masks), len(self._clicks), len(self._errors))

    @property
    def seconds(self) -> float:
        """Wall time since reading began; a part of it was shared with the shards before and after."""
        return 0.0 if self._started is None else time.monotonic() - self._started

    @property
    def rows(self) -> ShardRows:
        """All rows, once complete; the tables put them in order."""
        return ShardRows(self._masks, self._clicks, self._errors)

    def begin_reading(self) -> None:
        """The first byte of the shard is about to be read."""
        self._started = time.monotonic()

    def end_reading(self) -> None:
        """Every sample of the shard has been seen."""
        self._is_read = True

    def open_session(self) -> None:
        """One more session will end."""
        self._num_open += 1

    def quarantine(self, sample_key: str, object_id: str | None, error: SampleError) -> None:
        """Set a sample or one of its objects aside."""
        self._errors.append(
            ErrorRow(sample_key, object_id, str(error.reason), error.detail, self.assignment.shard.name)
        )

    def end_session(self, key: ObjectKey, finished: FinishedSession) -> None:
        """Take the outcome of a session that was opened before."""
        self._num_open -= 1
        height, width = finished.mask.shape
        counts = rle.encode(finished.mask)
        self._masks.append(
            MaskRow(
                sample_key=key.sample_key,
                object_id=key.object_id,
                height=height,
                width=width,
                rle=counts,
                bbox=BoundingBox(*rle.bbox(counts, height, width)),
                area=int(np.count_nonzero(finished.mask)),
                num_clicks=len(finished.clicks),
                iou=finished.iou,
                quality=finished.quality,
                stop_reason=str(finished.stop_reason),
                model_id=self._model_id,
                shard=self.assignment.shard.name,
            )
        )
        self._clicks.extend(self._click_rows(key, finished))

    def _click_rows(self, key: ObjectKey, finished: FinishedSession) -> list[ClickRow]:
        return [
            ClickRow(
                sample_key=key.sample_key,
                object_id=key.object_id,
                click_idx=click_idx,
                y=record.click.y,
                x=record.click.x,
                is_foreground=record.click.is_foreground,
                source=record.source,
                iou=record.iou,
                area=record.area,
                changed_fraction=record.changed_fraction,
                region=RegionBounds(
                    record.region.row_min, record.region.row_max, record.region.col_min, record.region.col_max
                ),
                seconds=record.seconds,
                model_id=self._model_id,
                shard=self.assignment.shard.name,
            )
            for click_idx, record in enumerate(finished.clicks)
        ]
