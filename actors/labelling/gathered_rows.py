"""The rows of one attempt at a shard, gathered while its sessions end in any order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass

import numpy as np

from actors.labelling.hand_out import Assignment
from actors.labelling.kept_rows import ObjectRows
from actors.labelling.object_sessions import ObjectKey
from actors.labelling.shard_clock import ShardClock
from infra import rle
from infra.errors import SampleError
from infra.reduced_rle import decode_reduced, encode_enlarged
from infra.runs.commit import NONE_UNCLICKED, Unclicked
from infra.runs.shard_rows import ShardRows
from infra.runs.tables import SIGNALS, BoundingBox, ClickRow, ErrorRow, MaskRow, RegionBounds
from infra.shards.content_digest import NO_CONTENT
from infra.shards.shard_note import NoteTally
from infra.starts.starts import GivenMask
from mfp.mask_signals import MaskSignals
from mfp.session import ClickRecord, FinishedSession


@dataclass(frozen=True)
class LabelCounts:
    """How much was done: objects with a mask, clicks on them, rows in `errors`, and what the click log left out."""

    objects: int = 0
    clicks: int = 0
    quarantined: int = 0
    unclicked: Unclicked = NONE_UNCLICKED

    def __add__(self, other: LabelCounts) -> LabelCounts:
        return LabelCounts(
            self.objects + other.objects,
            self.clicks + other.clicks,
            self.quarantined + other.quarantined,
            self.unclicked + other.unclicked,
        )


class GatheredRows:
    """Rows so far, and whether more can come: a shard is complete when it was read and no session is open.

    Rows leave for the disk in the order in which sessions were opened, so that parts do not depend on which
    session ended first. Those of a session that ended before an older one wait for it: as many as pass through the
    engine while that one makes its clicks, however large the shard.
    """

    def __init__(self, assignment: Assignment, model_id: str, clock: ShardClock) -> None:
        """StorageError if the local disk does not take the rows, here as in all that adds some."""
        self.assignment = assignment
        self.rows = ShardRows()
        self.notes = NoteTally()  # of the reader, complete once the shard was read
        self.content = NO_CONTENT  # of all that was read, complete then too
        self._model_id = model_id
        self._clock = clock
        self._open: dict[
            ObjectKey, ObjectRows | ErrorRow | None
        ] = {}  # in the order of the shard; None: not ended
        self._is_read = False
        self._counts = LabelCounts()

    @property
    def is_complete(self) -> bool:
        """Nothing of this shard is still to come."""
        return self._is_read and not self._open

    @property
    def counts(self) -> LabelCounts:
        """What was gathered until now; may be asked from another thread."""
        return self._counts

    def end_reading(self) -> None:
        """Every sample of the shard has been seen."""
        self._is_read = True

    def open_session(self, key: ObjectKey) -> None:
        """One more session will end; sessions are opened in the order of the shard."""
        self._open[key] = None

    def quarantine(self, sample_key: str, object_id: str | None, error: SampleError) -> None:
        """Set a sample or one of its objects aside."""
        with self._clock.rows.running():
            self.rows.errors.append(self._error_row(sample_key, object_id, error))
        self._counts += LabelCounts(quarantined=1)

    def keep(self, key: ObjectKey, rows: ObjectRows) -> None:
        """Take over the rows that an object has in another run; it gets no session."""
        self._open[key] = rows
        self._counts += LabelCounts(objects=1, clicks=len(rows.clicks))
        self._write_what_is_due()

    def refuse_session(self, key: ObjectKey, error: SampleError) -> None:
        """Quarantine an object that was opened: the model does not take its image, or it cannot be clicked."""
        self._open[key] = self._error_row(key.sample_key, key.object_id, error)
        self._counts += LabelCounts(quarantined=1)
        self._write_what_is_due()

    def _error_row(self, sample_key: str, object_id: str | None, error: SampleError) -> ErrorRow:
        return ErrorRow(sample_key, object_id, str(error.reason), error.detail, self.assignment.shard.name)

    def leave_out(self, unclicked: Unclicked) -> None:
        """Count what the click log has no click on."""
        self._counts += LabelCounts(unclicked=unclicked)

    def end_session(self, key: ObjectKey, finished: FinishedSession, others: Sequence[bytes] = ()) -> bytes:
        """Take the outcome of a session that was opened before; return its mask as COCO's compressed counts.

        `others` are masks, at the size of the image, whose pixels are not this object's.
        """
        self._clock.add_session(finished)
        with self._clock.clicking.running():
            rows = self._rows_of(key, finished, others)
        self._open[key] = rows
        self._counts += LabelCounts(objects=1, clicks=len(finished.clicks))
        self._write_what_is_due()
        return rows.mask.rle

    def _rows_of(self, key: ObjectKey, finished: FinishedSession, others: Sequence[bytes]) -> ObjectRows:
        size = key.size
        counts = encoded_mask(key, finished)
        if size.reduction > 1:  # else the session has left them out itself
            counts = rle.without(counts, others, size.height, size.width)
        area = rle.area(counts, size.height, size.width)
        mask = MaskRow(
            sample_key=key.sample_key,
            object_id=key.object_id,
            height=size.height,
            width=size.width,
            rle=counts,
            bbox=BoundingBox(*rle.bbox(counts, size.height, size.width)),
            area=area,
            num_clicks=len(finished.clicks),
            start=finished.start,
            start_iou=finished.start_iou,
            iou=finished.iou,
            boundary_iou=finished.boundary_iou,
            quality=finished.quality,
            **_signals(finished.signals),
            divergence=_divergence(counts, key),
            truth_area=None if key.truth is None else rle.area(key.truth.rle, size.height, size.width),
            stop_reason=str(finished.stop_reason),
            model_id=self._model_id,
            shard=self.assignment.shard.name,
        )
        return ObjectRows(mask, self._click_rows(key, finished, area))

    def _write_what_is_due(self) -> None:
        while self._open:
            oldest = next(iter(self._open))
            ended = self._open[oldest]
            if ended is None:
                return
            with self._clock.rows.running():
                if isinstance(ended, ErrorRow):
                    self.rows.errors.append(ended)
                else:
                    self.rows.masks.append(ended.mask)
                    for click in ended.clicks:
                        self.rows.clicks.append(click)
            del self._open[oldest]

    def _click_rows(self, key: ObjectKey, finished: FinishedSession, final_area: int) -> list[ClickRow]:
        """The mask after the last click is that of the masks table: `final_area` pixels."""
        last = len(finished.clicks) - 1
        return [
            self._click_row(
                key,
                click_idx,
                record,
                final_area if click_idx == last else key.size.area_in_image(record.area),
            )
            for click_idx, record in enumerate(finished.clicks)
        ]

    def _click_row(self, key: ObjectKey, click_idx: int, record: ClickRecord, area: int) -> ClickRow:
        click, region, size = key.size.to_image(record.click), record.region, key.size
        return ClickRow(
            sample_key=key.sample_key,
            object_id=key.object_id,
            click_idx=click_idx,
            y=click.y,
            x=click.x,
            is_foreground=click.is_foreground,
            source=record.source,
            iou=record.iou,
            boundary_iou=record.boundary_iou,
            area=area,
            quality=record.quality,
            **_signals(record.signals),
            changed_fraction=record.changed_fraction,
            is_looked_at=record.is_looked_at,
            is_obeyed=record.is_obeyed,
            is_clamped=record.is_clamped,
            region=RegionBounds(
                *size.rows_in_image(region.row_min, region.row_max),
                *size.columns_in_image(region.col_min, region.col_max),
            ),
            seconds=record.seconds,
            model_id=self._model_id,
            shard=self.assignment.shard.name,
        )


def _signals(signals: MaskSignals | None) -> dict[str, float | None]:
    """The columns of what a quality is made of; without a mask that a network saw they are empty."""
    return dict.fromkeys(SIGNALS) if signals is None else asdict(signals)


def encoded_mask(key: ObjectKey, finished: FinishedSession) -> bytes:
    """COCO's compressed counts of the mask, at the size of the image.

    Of an image that was worked on at a reduced size, what did not change since the start keeps the pixels it had.
    """
    size, start = key.size, key.start
    if size.reduction == 1:
        return rle.encode(finished.mask)
    enlarged = encode_enlarged(finished.prob, finished.threshold, size.height, size.width, size.reduction)
    if not isinstance(start, GivenMask):
        return enlarged
    before = decode_reduced(start.rle, size.height, size.width, size.reduction)
    changed = (before != finished.mask).astype(np.float32)
    where = encode_enlarged(changed, 0.5, size.height, size.width, size.reduction)
    return rle.replaced(start.rle, enlarged, where, size.height, size.width)


def _divergence(counts: bytes, key: ObjectKey) -> float | None:
    """1 - IoU with the annotator's last mask; None if there is none."""
    final, size = key.final_mask, key.size
    if final is None:
        return None
    return rle.distance(counts, final.rle, size.height, size.width)
