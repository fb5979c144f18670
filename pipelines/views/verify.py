"""What `mfp verify` found, for a person."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.jobs.verify import Verification

_MOST_LINES = 20


def verification_lines(found: Verification) -> Iterator[str]:
    """One line per thing that was looked at, then the findings."""
    expected = "" if found.num_expected == found.num_shards else f" of {found.num_expected:,}"
    yield (
        f"{found.num_shards:,}{expected} shards committed: {found.objects:,} objects, {found.clicks:,} clicks, read "
        "and compared with their records"
    )
    if found.redone:
        iou = found.largest_iou_difference
        of_iou = "" if iou is None else f", of an IoU {iou:.2g}"
        yield (
            f"{len(found.redone):,} objects labelled again, {found.num_same_clicks:,} with the same clicks; largest "
            f"difference {found.largest_pixel_share:.2g} of an image's pixels{of_iou} (tolerance {found.tolerance:g})"
        )
        yield found.expected_sameness
    else:
        yield "no object was labelled again"
    yield from (f"  {finding}" for finding in found.findings[:_MOST_LINES])
    if len(found.findings) > _MOST_LINES:
        yield f"  and {len(found.findings) - _MOST_LINES:,} more (--json lists all)"
    yield from (f"  {shard}" for shard in found.set_aside[:_MOST_LINES])
    if not found.is_good:
        yield f"NOT GOOD: {len(found.findings):,} findings"
    elif found.set_aside:
        yield f"good as far as it goes, NOT COMPLETE: {len(found.set_aside):,} shards were set aside"
    else:
        yield "good"
