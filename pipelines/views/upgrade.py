"""How the outcome of an upgrade is shown to a person."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.jobs.upgrade import Upgraded


def summary_lines(upgraded: Upgraded, url: str) -> Iterator[str]:
    """Yield what was kept, what was made again, and how much that changed."""
    yield f"{upgraded.summary.objects:,} objects: {url}"
    kept = upgraded.accepted + upgraded.corrected + upgraded.added
    yield (
        f"  {kept:,} kept with their reviews: {upgraded.accepted:,} accepted, {upgraded.corrected:,} corrected, "
        f"{upgraded.added:,} added"
    )
    yield (
        f"  {upgraded.made_again:,} made again: {upgraded.changed:,} masks changed; IoU with those before "
        f"{upgraded.mean_same:.3f} in the mean"
    )
    if upgraded.mean_iou_before is not None and upgraded.mean_iou_after is not None:
        yield f"  their IoU with the truth: {upgraded.mean_iou_before:.3f} before, {upgraded.mean_iou_after:.3f} after"
    if upgraded.rejected:
        yield f"  {upgraded.rejected:,} that were rejected were made again, and wait for a review"
    if upgraded.gone or upgraded.new:
        yield f"  {upgraded.gone:,} objects are in the old run alone, {upgraded.new:,} in the new one alone"
    yield "  report/changes.parquet has each object"
