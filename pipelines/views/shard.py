"""How the summary of a source is shown to a person."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from pipelines.jobs.shard import ShardedSource
from pipelines.jobs.source_summary import SummaryLine

_MOST_LINES = 8  # of a heading; all of them are in summary.json
_LETTERS = 110  # of what is said of one key


def summary_lines(sharded: ShardedSource) -> Iterator[str]:
    """Yield the lines of the summary, the counts first."""
    dataset, summary = sharded.dataset, sharded.summary
    yield (
        f"{dataset.num_samples or 0:,} samples with {dataset.num_objects or 0:,} objects in "
        f"{len(dataset.shards):,} shards, {dataset.num_quarantined or 0:,} quarantined: {dataset.url}"
    )
    yield from _headed("understood", summary.read)
    yield from _headed("left out", summary.left_out)
    yield from _headed("to look at", summary.doubts)
    if summary.quarantined:
        yield "quarantined"
    for line in summary.quarantined:
        keys = ", ".join(key for key, _ in line.first)
        yield f"  {line.count:>7,}  {line.reason.value} ({keys}{_more(line.count, len(line.first))})"
        key, detail = line.first[0]
        said = f"{key}: {detail}"
        yield f"           {said if len(said) <= _LETTERS else said[:_LETTERS] + '...'}"
    if sharded.preview_url:
        yield f"preview: {sharded.preview_url}"


def _headed(heading: str, lines: Sequence[SummaryLine]) -> Iterator[str]:
    if lines:
        yield heading
    for line in lines[:_MOST_LINES]:
        keys = ", ".join(line.first_keys)
        yield f"  {line.count:>7,}  {line.text} ({keys}{_more(line.count, len(line.first_keys))})"
    if len(lines) > _MOST_LINES:
        yield f"           {len(lines) - _MOST_LINES} more lines in summary.json"


def _more(count: int, shown: int) -> str:
    return ", ..." if count > shown else ""
