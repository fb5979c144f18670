"""Who may take the lease, and who may commit under it, at any moment of anybody's clock."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from infra.runs.lease import MARGIN, TERM, Lease, holds, may_take
from infra.strict_json import from_bytes, to_bytes

NOW = datetime(2026, 11, 25, 12, tzinfo=UTC)
seconds = st.floats(-1000, 1000).map(lambda value: timedelta(seconds=value))


def lease(owner: str = "a", now: datetime = NOW) -> Lease:
    return Lease(owner, "host", 7, now).renewed(now)


@given(moment=seconds, skew=st.floats(0, 1, exclude_max=True))
def test_while_one_may_commit_no_other_may_take_though_clocks_differ_by_nearly_two_margins(
    moment: timedelta, skew: float
) -> None:
    held = lease()
    if holds(held, "a", NOW + moment):
        assert not may_take(held, NOW + moment + 2 * MARGIN * skew)


@given(moment=seconds)
def test_an_owner_that_may_commit_is_the_one_that_the_lease_names(moment: timedelta) -> None:
    assert not holds(lease("b"), "a", NOW + moment)
    assert not holds(None, "a", NOW + moment)


def test_a_lease_lasts_its_term_less_a_margin_and_is_free_a_margin_after_it() -> None:
    held, instant = lease(), timedelta(microseconds=1)
    assert holds(held, "a", NOW + TERM - MARGIN)
    assert not holds(held, "a", NOW + TERM - MARGIN + instant)
    assert not may_take(held, NOW + TERM + MARGIN - instant)
    assert may_take(held, NOW + TERM + MARGIN)
    assert may_take(None, NOW)


def test_a_renewed_lease_is_held_on() -> None:
    later = NOW + TERM / 3
    assert holds(lease().renewed(later), "a", later + TERM - MARGIN)
    assert lease().renewed(later).owner == "a"


def test_a_lease_comes_back_from_its_file() -> None:
    assert from_bytes(Lease, to_bytes(lease())) == lease()


@pytest.mark.parametrize(
    "content",
    [b"", b"[]", b"{}", b'{"owner": "a", "host": "h", "pid": 1, "deadline": "2026-11-25T12:00:00"}'],
)
def test_what_is_no_lease_is_not_read_as_one(content: bytes) -> None:
    with pytest.raises(ValueError):
        from_bytes(Lease, content)
