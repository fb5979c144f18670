"""How the summary of an export is shown to a person."""

from __future__ import annotations

from collections.abc import Iterator

from infra.exports.exported_sample import NO_CATEGORY
from pipelines.jobs.export import Exported


def summary_lines(exported: Exported) -> Iterator[str]:
    """Yield what was written, what the format kept of it, and what was left out."""
    yield (
        f"{exported.objects:,} masks on {exported.samples:,} images as {exported.format}, all of them read back: "
        f"{exported.url}"
    )
    lossy = exported.objects - exported.exact
    if lossy:
        key, object_id = exported.worst
        yield (
            f"  {exported.exact:,} kept pixel for pixel, {lossy:,} not: IoU {exported.mean_kept:.4f} in the mean, "
            f"{exported.worst_kept:.3f} at worst (object {object_id!r} of {key!r}); objects.parquet has each"
        )
    else:
        yield "  every mask kept pixel for pixel"
    if exported.reviewed or exported.rejected:
        yield (
            f"  {exported.reviewed:,} of them reviewed: {exported.corrected:,} corrected, {exported.added:,} added; "
            f"{exported.rejected:,} rejected masks left out"
        )
    if exported.filtered:
        yield (
            f"  {exported.filtered:,} masks left out by the filters; {exported.thinned:,} of the images show "
            "objects that have no mask here"
        )
    if exported.unclassed:
        yield (
            f"  {exported.unclassed:,} objects have no attribute {exported.category!r}, nor have their images: their "
            f"class is {NO_CATEGORY!r}"
        )
    if exported.num_unmatched:
        first = ", ".join(map(repr, exported.first_unmatched))
        more = ", ..." if exported.num_unmatched > len(exported.first_unmatched) else ""
        yield f"  no sample has {exported.num_unmatched:,} of the keys in the list: {first}{more}"
    if not exported.is_whole_run:
        yield "  the run is unfinished: only its committed shards went out"
