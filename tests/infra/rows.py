"""Small factories of table rows for tests, and what makes parts and commits of them."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from infra.runs.commit import CommitOutcome
from infra.runs.part_writer import PartWriter
from infra.runs.run_directory import RunDirectory
from infra.runs.shard_rows import ShardRows
from infra.runs.tables import BoundingBox, ClickRow, ErrorRow, MaskRow, RegionBounds, RowT, TableKind
from infra.runs.time_spent import NO_TIME, TimeSpent
from infra.shards.content_digest import NO_CONTENT, ContentDigest


def part_bytes(kind: TableKind[RowT], rows: Iterable[RowT]) -> bytes:
    """The part file of these rows."""
    with tempfile.TemporaryDirectory() as folder:
        writer = PartWriter(kind, Path(folder, "part.parquet"))
        for row in rows:
            writer.append(row)
        writer.close()
        return writer.path.read_bytes()


def commit_rows(
    run: RunDirectory,
    shard: str,
    attempt: str,
    masks: Iterable[MaskRow],
    clicks: Iterable[ClickRow],
    errors: Iterable[ErrorRow] = (),
    seconds: float = 1.0,
    content: ContentDigest = NO_CONTENT,
    spent: TimeSpent = NO_TIME,
) -> CommitOutcome:
    """Commit a shard that has yielded these rows."""
    with ShardRows() as rows:
        for mask in masks:
            rows.masks.append(mask)
        for click in clicks:
            rows.clicks.append(click)
        for error in errors:
            rows.errors.append(error)
        record = run.write_parts(
            shard, attempt, rows, seconds=seconds, spent=spent, model_id="0123456789abcdef", content=content
        )
        return run.put(record)


def with_new_checksum(document: Mapping[str, object]) -> bytes:
    """A commit record whose values somebody has changed, and its checksum with them."""
    fields = {name: value for name, value in document.items() if name != "sha256"}
    checksum = hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()
    return json.dumps(fields | {"sha256": checksum}).encode()


def mask_row(
    key: str, object_id: str, *, shard: str = "s0.tar", num_clicks: int = 1, iou: float | None = 0.5
) -> MaskRow:
    return MaskRow(
        sample_key=key,
        object_id=object_id,
        height=4,
        width=6,
        rle=b"\x30\x51",
        bbox=BoundingBox(1, 2, 3, 1),
        area=3,
        num_clicks=num_clicks,
        start="nothing",
        start_iou=None,
        iou=iou,
        boundary_iou=iou,
        quality=0.75,
        expected_iou=0.75,
        margin=0.9,
        stability=0.8,
        flip_agreement=0.85,
        region_share=0.25,
        round_agreement=0.5,
        area_change=0.25,
        divergence=None,
        truth_area=None if iou is None else 6,
        stop_reason="target_reached",
        model_id="0123456789abcdef",
        shard=shard,
    )


def click_row(
    key: str,
    object_id: str,
    click_idx: int,
    *,
    iou: float | None = 0.5,
    shard: str = "s0.tar",
    is_foreground: bool = True,
    model_id: str = "0123456789abcdef",
) -> ClickRow:
    return ClickRow(
        sample_key=key,
        object_id=object_id,
        click_idx=click_idx,
        y=2.0,
        x=3.0,
        is_foreground=is_foreground,
        source="simulated",
        iou=iou,
        boundary_iou=iou,
        area=3,
        quality=0.75,
        expected_iou=0.75,
        margin=0.9,
        stability=0.8,
        flip_agreement=0.85,
        region_share=0.25,
        round_agreement=0.5,
        area_change=0.25,
        changed_fraction=0.125,
        is_looked_at=True,
        is_obeyed=True,
        is_clamped=False,
        region=RegionBounds(0, 3, 0, 5),
        seconds=0.25,
        model_id=model_id,
        shard=shard,
    )


def error_row(key: str, reason: str = "undecodable_image", *, shard: str = "s0.tar") -> ErrorRow:
    return ErrorRow(sample_key=key, object_id=None, reason=reason, detail="it broke", shard=shard)
