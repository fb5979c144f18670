"""What is read as a dataclass is what was written, and nothing else is read as one."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval
from hypothesis import given
from hypothesis import strategies as st
from pydantic import AwareDatetime

from infra.strict_json import from_bytes, from_json, to_bytes, to_json
from mfp.engine_settings import ZoomSize


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


@dataclass(frozen=True)
class Lens:
    size: Annotated[int, Ge(32)] | Literal["model"] = "model"
    share: Annotated[float, Interval(ge=0, lt=1)] = 0.5
    factor: Annotated[float, Gt(0)] = 1.0
    is_on: bool = True
    weights: tuple[float, float] = (0.0, 1.0)


@dataclass(frozen=True, kw_only=True)
class Camera:
    name: str
    lens: Lens = Lens()
    spare: Lens | None = None
    labels: tuple[str, ...] = ()
    kind: Literal["still", "film"] = "still"


def refusal(kind: Any, document: Any) -> str:
    with pytest.raises(ValueError) as caught:  # the whole message is looked at
        from_json(kind, document)
    return str(caught.value)


WHOLE: dict[str, Any] = to_json(Camera(name="one"))


def test_all_fields_are_written_those_with_their_defaults_too() -> None:
    assert WHOLE == {
        "name": "one",
        "lens": {"size": "model", "share": 0.5, "factor": 1.0, "is_on": True, "weights": [0.0, 1.0]},
        "spare": None,
        "labels": [],
        "kind": "still",
    }


def test_fields_with_a_default_may_be_missing_and_a_whole_number_is_a_number() -> None:
    assert from_json(Camera, {"name": "one", "lens": {"factor": 2}}) == Camera(
        name="one", lens=Lens(factor=2.0)
    )
    assert isinstance(from_json(Lens, {"factor": 2}).factor, float)


REFUSED: list[tuple[dict[str, Any], str]] = [
    ({"nam": "two"}, "nam: no such field"),
    ({"lens": {"siz": 3}}, "lens.siz: no such field"),
    ({"lens": {"size": 16}}, "lens.size: should be greater than or equal to 32 or should be 'model', not 16"),
    ({"lens": {"size": "3"}}, "lens.size: should be a valid integer or should be 'model', not \"3\""),
    ({"lens": {"size": True}}, "lens.size: should be a valid integer or should be 'model', not true"),
    ({"lens": {"size": 64.0}}, "lens.size: should be a valid integer or should be 'model', not 64.0"),
    ({"lens": {"size": None}}, "lens.size: should be a valid integer or should be 'model', not null"),
    ({"lens": {"share": 1.0}}, "lens.share: should be less than 1, not 1.0"),
    ({"lens": {"share": -0.1}}, "lens.share: should be greater than or equal to 0, not -0.1"),
    ({"lens": {"factor": 0.0}}, "lens.factor: should be greater than 0, not 0.0"),
    ({"lens": {"factor": "1"}}, 'lens.factor: should be a valid number, not "1"'),
    ({"lens": {"factor": False}}, "lens.factor: should be a valid number, not false"),
    ({"lens": {"factor": float("nan")}}, "lens.factor: should be a finite number, not NaN"),
    ({"lens": {"factor": float("inf")}}, "lens.factor: should be a finite number, not Infinity"),
    ({"lens": {"is_on": 1}}, "lens.is_on: should be a valid boolean, not 1"),
    ({"lens": {"is_on": "true"}}, 'lens.is_on: should be a valid boolean, not "true"'),
    ({"lens": {"weights": [1.0]}}, "lens.weights.1: is missing"),
    ({"lens": {"weights": [1.0, "2"]}}, 'lens.weights.1: should be a valid number, not "2"'),
    ({"lens": None}, "lens: should be an object, not null"),
    (
        {"spare": {"size": 16}},
        "spare.size: should be greater than or equal to 32 or should be 'model', not 16",
    ),
    ({"labels": "one"}, 'labels: should be a valid array, not "one"'),
    ({"labels": ["one", 2]}, "labels.1: should be a valid string, not 2"),
    ({"kind": "Still"}, "kind: should be 'still' or 'film', not \"Still\""),
    ({"name": 3}, "name: should be a valid string, not 3"),
]


@pytest.mark.parametrize(("changes", "message"), REFUSED, ids=[message for _, message in REFUSED])
def test_whatever_does_not_fit_is_refused_by_its_dotted_name(changes: dict[str, Any], message: str) -> None:
    assert refusal(Camera, WHOLE | changes) == message


def test_a_missing_field_is_named_and_so_is_every_other_fault() -> None:
    assert refusal(Camera, {"lens": {"size": 1, "is_on": 0}, "spare": []}) == (
        "name: is missing; lens.size: should be greater than or equal to 32 or should be 'model', not 1; "
        "lens.is_on: should be a valid boolean, not 0; spare: should be an object, not []"
    )


@pytest.mark.parametrize("document", [None, 3, "text", [], [{}]])
def test_what_is_no_object_is_refused(document: Any) -> None:
    assert refusal(Lens, document) == f"should be an object, not {json.dumps(document)}"


def test_a_value_without_a_class_of_its_own_is_held_against_its_annotation() -> None:
    kind: Any = ZoomSize
    assert from_json(kind, 64) == 64
    assert refusal(ZoomSize, "modl") == "should be a valid integer or should be 'model', not \"modl\""


def test_a_long_value_is_cut_and_a_message_has_one_line() -> None:
    message = refusal(Lens, {"is_on": "a\n" * 500})
    assert len(message) < 150
    assert "\n" not in message


@pytest.mark.parametrize("data", [b"", b"{", b'{"size": 32,}', b"\xff\xfe", b"{} {}"])
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # the words are those of the JSON reader
        from_bytes(Lens, data)
