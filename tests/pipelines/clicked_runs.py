"""Run directories whose objects have given IoUs after each click."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Literal, TypeAlias

from infra.runs.run_directory import RunDirectory
from infra.runs.time_spent import NO_TIME, TimeSpent
from infra.shards.content_digest import NO_CONTENT, ContentDigest
from infra.storage.files import Storage
from pipelines.inputs.run_record import request_of
from tests.infra.rows import click_row, commit_rows, error_row, mask_row
from tests.specs import label_record

Ious: TypeAlias = Sequence[float | None]


def begin(
    url: str, *, max_clicks: int = 4, target_iou: float | Literal["none"] = 0.95, num_shards: int = 1
) -> RunDirectory:
    """Begin a run of simulated clicks over so many shards."""
    run = RunDirectory(url, Storage())
    record = label_record(max_clicks=max_clicks, target_iou=target_iou, num_shards=num_shards)
    run.open(request_of(record))
    return run


def commit(
    run: RunDirectory,
    shard: str,
    objects: Sequence[Ious],
    reasons: Sequence[str] = (),
    model_id: str = "0123456789abcdef",
    end_below_target: str = "errors_clicked",
    start_ious: Sequence[float | None] = (),
    boundary_ious: Sequence[float | None] = (),
    content: ContentDigest = NO_CONTENT,
    spent: TimeSpent = NO_TIME,
) -> None:
    """Commit a shard whose objects, two to a sample, have these IoUs after each click.

    `end_below_target` is why sessions ended that did not reach 0.95. `start_ious` are those of the masks that objects
    started from, None for an object that started from nothing; without them all started from nothing.
    `boundary_ious` are those of the masks; without them they equal the IoUs. `content` is of the shard's samples,
    and `spent` where the seconds went.
    """
    starts = start_ious or [None] * len(objects)
    last_ious = [[start, *ious][-1] for start, ious in zip(starts, objects, strict=True)]
    keys = [(f"{shard}/{idx // 2}", f"{idx % 2}") for idx in range(len(objects))]
    commit_rows(
        run,
        shard,
        "a",
        [
            replace(
                mask_row(*key, shard=shard, num_clicks=len(ious), iou=last),
                boundary_iou=of_boundary,
                start="nothing" if start is None else "mask",
                start_iou=start,
                stop_reason="target_reached" if (last or 0) >= 0.95 else end_below_target,
                model_id=model_id,
            )
            for key, start, ious, last, of_boundary in zip(
                keys, starts, objects, last_ious, boundary_ious or last_ious, strict=True
            )
        ],
        [
            click_row(*key, click, iou=iou, shard=shard, model_id=model_id)
            for key, ious in zip(keys, objects, strict=True)
            for click, iou in enumerate(ious)
        ],
        [error_row(f"bad{idx}", reason, shard=shard) for idx, reason in enumerate(reasons)],
        seconds=2.0,
        content=content,
        spent=spent,
    )
