"""Busy time counts what overlaps once and leaves pauses out; no click is lost when rates are drawn over it."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from infra.runs.commit import CommitRecord, PartRecord
from infra.runs.time_spent import NO_TIME
from pipelines.jobs.busy_time import busy_seconds, clicks_per_second

NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)


def record(begun: float, finished: float, clicks: int = 0) -> CommitRecord:
    parts = {name: PartRecord(f"{name}/x", clicks, 0, "") for name in ("masks", "clicks", "errors")}
    moment = NOON + timedelta(seconds=finished)
    return CommitRecord("s", "a", "t", parts, 0, finished - begun, NO_TIME, moment, "m")


@pytest.mark.parametrize(
    ("spans", "seconds"),
    [
        ([], 0),
        ([(0, 10)], 10),
        ([(0, 10), (0, 10)], 10),  # two workers side by side
        ([(0, 10), (10, 20)], 20),
        ([(0, 10), (3600, 3605)], 15),  # gone on an hour later
        ([(0, 10), (2, 4), (8, 12)], 12),
    ],
)
def test_time_in_which_workers_overlap_counts_once(spans: list[tuple[float, float]], seconds: float) -> None:
    assert busy_seconds([record(*span) for span in spans]) == pytest.approx(seconds)


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20)), max_size=8))
@settings(deadline=None)
def test_busy_time_is_the_number_of_seconds_that_some_span_covers(spans: list[tuple[int, int]]) -> None:
    covered = {second for begun, length in spans for second in range(begun, begun + length)}
    assert busy_seconds([record(begun, begun + length) for begun, length in spans]) == pytest.approx(
        len(covered)
    )


@given(st.lists(st.tuples(st.integers(0, 50), st.integers(0, 20), st.integers(0, 99)), max_size=8))
@settings(deadline=None)
def test_all_clicks_are_in_the_rates(shards: list[tuple[int, int, int]]) -> None:
    records = [record(begun, begun + length, clicks) for begun, length, clicks in shards]
    width, rates = clicks_per_second(records, 5)
    assert width * len(rates) == pytest.approx(busy_seconds(records))
    if rates:
        assert width * sum(rates) == pytest.approx(sum(clicks for _, _, clicks in shards))


def test_rates_are_those_of_the_bins_and_a_pause_has_none() -> None:
    records = [record(0, 10, 100), record(5, 10, 10), record(3610, 3620, 20)]
    width, rates = clicks_per_second(records, 4)
    assert len(rates) == 3
    assert width == pytest.approx(20 / 3)
    assert rates == pytest.approx(
        [10 + 2 * (5 / 3) / (20 / 3), (33 + 1 / 3 + 2 * 10 / 3 + 2 * 10 / 3) / (20 / 3), 2]
    )
