"""What is read as a dataclass is what was written, and nothing else is read as one."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any

import pytest
from annotated_types import Ge
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime

from infra.strict_json import from_bytes, from_json, to_bytes, to_json


@dataclass(frozen=True)
class Note:
    """A file of ours."""

    name: str
    count: Annotated[int, Ge(0)]
    figures: Mapping[str, float]
    at: AwareDatetime
    last: float | None = None

    def __post_init__(self) -> None:
        if self.name == "refused":
            raise ValueError("its name is refused")


NOON = datetime(2026, 11, 28, 12, tzinfo=UTC)
NOTE = Note("a", 1, {"noc90": 2.5}, NOON)


@given(
    st.text(),
    st.integers(0),
    st.dictionaries(st.text(), st.floats(allow_nan=False, allow_infinity=False)),
    st.datetimes(timezones=st.just(UTC)),
)
def test_what_is_written_is_read_back(
    name: str, count: int, figures: Mapping[str, float], at: datetime
) -> None:
    if name != "refused":
        note = Note(name, count, figures, at)
        assert from_bytes(Note, to_bytes(note)) == note


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"name": 3}, "name: should be a valid string, not 3"),
        ({"name": "refused"}, "its name is refused"),
        ({"name": "\udce9"}, "it holds half a character"),
        ({"name": "\ud83d"}, "it holds half a character"),
        ({"count": -1}, "count: should be greater than or equal to 0, not -1"),
        ({"count": True}, "count: should be a valid integer, not true"),
        ({"count": "1"}, 'count: should be a valid integer, not "1"'),
        ({"figures": {"noc90": float("nan")}}, "figures.noc90: should be a finite number, not NaN"),
        ({"figures": {"noc90": float("inf")}}, "figures.noc90: should be a finite number, not Infinity"),
        ({"at": "2026-11-28T12:00:00"}, 'at: should have timezone info, not "2026-11-28T12:00:00"'),
        ({"at": 5}, "at: should be a valid datetime, not 5"),
        ({"more": 1}, "more: no such field"),
    ],
)
def test_another_value_is_one_line(change: dict[str, Any], problem: str) -> None:
    with pytest.raises(ValueError) as caught:
        from_json(Note, to_json(NOTE) | change)
    assert str(caught.value) == problem


def test_a_number_that_is_not_finite_is_not_written() -> None:
    with pytest.raises(ValueError, match="not JSON compliant"):
        to_bytes(Note("a", 1, {"noc90": float("nan")}, NOON))


def test_the_last_of_two_fields_of_one_name_counts_as_in_python() -> None:
    text = '{"name": "a", "count": 7, "figures": {"x": 1, "x": 2}, "at": "2026-11-28T12:00:00Z", "count": 8}'
    assert from_bytes(Note, text) == Note("a", 8, {"x": 2.0}, NOON)


def test_brackets_within_brackets_are_a_value_error_at_every_depth() -> None:
    """Some depths Python reads and cannot write again; fewer pydantic reads."""
    for depth in (*range(190, 210), *range(800, 1100)):
        for opening, closing in (("[", "]"), ('{"a":', "}")):
            with pytest.raises(ValueError):
                from_bytes(Note, opening * depth + "1" + closing * depth)
