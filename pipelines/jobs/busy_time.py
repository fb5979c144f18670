"""The time in which a run was at work: shards that overlap count once, pauses between two runs do not count."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

import numpy as np

from infra.runs.commit import CommitRecord
from infra.runs.tables import CLICKS


def busy_seconds(records: Collection[CommitRecord]) -> float:
    """Return for how many seconds at least one of these shards was being worked on."""
    return sum((until - begun for begun, until in busy_spans(records)), timedelta()).total_seconds()


def busy_spans(records: Collection[CommitRecord]) -> Sequence[tuple[datetime, datetime]]:
    """Return begin and end of each time without a pause in which these shards were being worked on, in order."""
    spans: list[tuple[datetime, datetime]] = []
    for begun, finished in sorted((_begun(record), record.finished) for record in records):
        if spans and begun <= spans[-1][1]:
            spans[-1] = (spans[-1][0], max(spans[-1][1], finished))
        else:
            spans.append((begun, finished))
    return spans


def clicks_per_second(records: Collection[CommitRecord], most_bins: int) -> tuple[float, Sequence[float]]:
    """Clicks per second by busy time, in bins of equal width; a shard's clicks are spread evenly over its time.

    Returns:
        The width of a bin in seconds, and a rate for each bin: as many bins as shards, at most `most_bins`. Both are
        0 and empty without any time.
    """
    spans = busy_spans(records)
    total = busy_seconds(records)
    if not total:
        return 0.0, ()
    edges = np.linspace(0, total, min(most_bins, len(records)) + 1)
    done = np.zeros(len(edges))  # clicks up to each edge
    for record in records:
        begun, finished = _busy_before(spans, _begun(record)), _busy_before(spans, record.finished)
        share = np.clip((edges - begun) / (finished - begun), 0, 1) if finished > begun else edges >= finished
        done += record.parts[CLICKS.name].rows * share
    done[0] = 0  # what took no time at all belongs to the first bin
    width = float(edges[1])
    return width, tuple((np.diff(done) / width).tolist())


def _busy_before(spans: Sequence[tuple[datetime, datetime]], moment: datetime) -> float:
    """Busy seconds before a moment."""
    before = (min(until, moment) - begun for begun, until in spans if begun < moment)
    return sum(before, timedelta()).total_seconds()


def _begun(record: CommitRecord) -> datetime:
    return record.finished - timedelta(seconds=record.seconds)
