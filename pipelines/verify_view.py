"""What `mfp verify` found, for a person."""

from __future__ import annotations

from collections.abc import Iterator

from pipelines.verify import Verification

_MOST_FINDINGS = 20


def verification_lines(found: Verification) -> Iterator[str]:
    """One line per thing that was looked at, then the findings."""
    expected = "" if found.num_expected in {None, found.num_shards} else f" of {found.num_expected:,}"
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
    else:
        yield "no object was labelled again"
    yield from (f"  {finding}" for finding in found.findings[:_MOST_FINDINGS])
    if len(found.findings) > _MOST_FINDINGS:
        yield f"  and {len(found.findings) - _MOST_FINDINGS:,} more (--json lists all)"
    yield "good" if found.is_good else f"NOT GOOD: {len(found.findings):,} findings"
