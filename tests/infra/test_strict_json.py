"""What a dataclass says goes to JSON and back unchanged, and nothing else comes back."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from actors.specs.clicks import Clicks
from infra.strict_json import from_bytes, from_json, to_json
from mfp.engine_settings import ZoomSize
from pipelines.inputs.run_record import ClickContent, ClickLogContent, FollowedRun, LabelRecord, OneModel
from tests.drawn_specs import specs
from tests.settings_page import SPECS
from tests.specs import label_record


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


@pytest.mark.parametrize("kind", SPECS.values(), ids=SPECS)
@settings(max_examples=25, suppress_health_check=list(HealthCheck))
@given(data=st.data())
def test_every_specification_comes_back_as_it_was(kind: type[Any], data: st.DataObject) -> None:
    spec = data.draw(specs(kind))
    text = json.dumps(to_json(spec), allow_nan=False)
    assert from_bytes(kind, text) == spec
    assert from_json(kind, to_json(from_json(kind, json.loads(text)))) == spec


@pytest.mark.parametrize(
    "model", [OneModel(model_id="a"), OneModel(model_id="a", step=3), FollowedRun(run="s3://b")]
)
@pytest.mark.parametrize("clicks", ["simulated", ClickLogContent(fingerprint="f", num_clicks=2)])
def test_a_record_keeps_which_of_several_classes_it_holds(
    model: OneModel | FollowedRun, clicks: ClickContent
) -> None:
    record = replace(label_record(content=clicks), model=model)
    assert from_json(LabelRecord, to_json(record)) == record


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


def test_what_a_class_refuses_itself_is_said_in_its_words() -> None:
    said = "max_clicks 'all' is for click logs: simulated clicks need a number"
    assert refusal(Clicks, {"max_clicks": "all"}) == said


def test_a_long_value_is_cut_and_a_message_has_one_line() -> None:
    message = refusal(Lens, {"is_on": "a\n" * 500})
    assert len(message) < 150
    assert "\n" not in message


@pytest.mark.parametrize("data", [b"", b"{", b'{"size": 32,}', b"\xff\xfe", b"{} {}"])
def test_bytes_that_are_no_json_are_refused(data: bytes) -> None:
    with pytest.raises(ValueError):  # the words are those of the JSON reader
        from_bytes(Lens, data)
