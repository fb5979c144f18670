"""A field of a specification says all there is to say of its setting, and sections hand down what they say."""

from __future__ import annotations

from dataclasses import dataclass, make_dataclass
from typing import Annotated, Any, Literal

import pytest
from annotated_types import Ge, Gt, Interval, Le, Lt, Unit
from typing_extensions import Doc

from actors.specs.flywheel import FlywheelSpec
from actors.specs.label import LabelSpec
from actors.specs.leaves import REQUIRED, Leaf, build, is_union, leaves_of, value_of, with_values
from actors.specs.marks import LOCATION, Argument, Option, Section
from actors.specs.train import TrainSpec
from mfp.setting import Effect
from tests.settings_page import SPECS
from tests.specs import flywheel_spec, label_spec, train_spec


@dataclass(frozen=True)
class Inner:
    level: Annotated[int, Ge(3), Unit("steps"), Doc("How far.")] = 5
    limit: Annotated[Annotated[float, Interval(ge=0, le=1)] | Literal["none", "auto"], Doc("Where.")] = "auto"
    seed: Annotated[int, Effect.ROWS] = 0
    name: Annotated[str, Option("--called", metavar="NAME")] = ""


@dataclass(frozen=True, kw_only=True)
class Outer:
    place: Annotated[str, LOCATION, Argument("PLACE"), Effect.CONTENT]
    above: Annotated[float, Gt(0)] = 0.5
    below: Annotated[float, Lt(2)] = 0.5
    inner: Annotated[
        Inner,
        Section(
            "Inside",
            "in-",
            {"name": Option(panel="Names"), "level": Option("--how-far")},
            frozenset({"seed"}),
        ),
        Effect.EXECUTION,
    ] = Inner(level=7)
    needed: Annotated[Inner, Section("Again")]


def leaf(name: str) -> Leaf:
    (found,) = (leaf for leaf in leaves_of(Outer) if leaf.name == name)
    return found


def test_settings_come_in_the_order_of_the_fields_those_of_a_section_in_its_place() -> None:
    inner = ["level", "limit", "seed", "name"]
    assert [leaf.name for leaf in leaves_of(Outer)] == [
        "place",
        "above",
        "below",
        *[f"inner.{name}" for name in inner],
        *[f"needed.{name}" for name in inner],
    ]


def test_what_an_annotation_says_is_read() -> None:
    level = leaf("needed.level")
    assert (level.kind, level.lower, level.upper, level.is_above) == (int, 3, None, False)
    assert (level.unit, level.help, level.words, level.default) == ("steps", "How far.", (), 5)
    limit = leaf("needed.limit")
    assert is_union(limit.kind)
    assert (limit.lower, limit.upper, limit.words) == (0, 1, ("none", "auto"))
    assert (leaf("above").lower, leaf("above").is_above) == (0, True)
    assert (leaf("below").lower, leaf("below").upper, leaf("below").is_below) == (None, 2, True)
    assert (limit.is_above, limit.is_below) == (False, False)
    place = leaf("place")
    assert place.default is REQUIRED
    assert (place.is_location, place.place, place.help) == (True, Argument("PLACE"), "")


@pytest.mark.parametrize(
    ("bound", "formula", "words"),
    [
        (Gt(0), "x>0", " above 0"),
        (Ge(2), "x>=2", " of 2 or more"),
        (Lt(1), "x<1", " below 1"),
        (Le(1), "x<=1", " up to 1"),
        (Interval(ge=0, lt=1), "0<=x<1", " from 0 to below 1"),
        (Interval(gt=0, le=65536), "0<x<=65536", " above 0 to 65536"),
        (Doc("No bounds."), "", ""),
    ],
)
def test_bounds_are_said_as_a_formula_and_in_words(bound: object, formula: str, words: str) -> None:
    (value,) = leaves_of(make_dataclass("Bounded", [("value", Annotated[float, bound])]))
    assert (value.bounds, value.bounds_in_words) == (formula, words)


def test_a_section_is_given_whole_or_in_parts_and_not_both() -> None:
    with pytest.raises(TypeError, match=r"needed is given whole, and in parts: \[\('level',\)\]"):
        build(Outer, {("needed",): Inner(), ("needed", "level"): 3, ("place",): "here"})


def test_the_default_of_a_section_goes_before_those_of_its_fields() -> None:
    assert (leaf("inner.level").default, leaf("needed.level").default) == (7, 5)
    assert leaf("inner.limit").default == "auto"


def test_an_effect_holds_for_all_of_a_section_but_what_has_its_own() -> None:
    assert {leaf.name: leaf.effect for leaf in leaves_of(Outer) if leaf.effect is not Effect.ROWS} == {
        "place": Effect.CONTENT,
        "inner.level": Effect.EXECUTION,
        "inner.limit": Effect.EXECUTION,
        "inner.name": Effect.EXECUTION,
    }


def test_a_section_says_how_its_settings_are_called_and_which_have_no_option() -> None:
    assert leaf("inner.name").place == Option("--called", "NAME", "Names")
    assert leaf("inner.level").place == Option("--how-far")
    assert leaf("needed.level").place == Option()
    assert [leaf.name for leaf in leaves_of(Outer) if leaf.is_hidden] == ["inner.seed"]
    assert leaf("inner.limit").section.prefix == "in-"


def test_the_settings_of_a_class_are_looked_for_once() -> None:
    assert leaves_of(Outer) is leaves_of(Outer)


def test_a_specification_is_built_of_values_and_defaults() -> None:
    built: Outer = build(Outer, {("place",): "here", ("inner", "limit"): 0.5, ("needed", "level"): 9})
    assert built == Outer(place="here", inner=Inner(level=7, limit=0.5), needed=Inner(level=9))
    whole: Outer = build(Outer, {("place",): "here", ("needed",): Inner(level=4)})
    assert whole.needed == Inner(level=4)
    with pytest.raises(TypeError, match=r"missing .* 'needed'"):
        build(Outer, {("place",): "here"})


@pytest.mark.parametrize(
    "spec",
    [
        label_spec("data", "run", "lite0", zoom_size=64, part=LabelSpec.__dataclass_fields__["part"].default),
        train_spec(("a", "b:2"), "run", rate=1e-3, every=7),
        flywheel_spec(unlabelled="a", train_on=("b",), evaluation="c", out="d", min_quality=0.5),
    ],
    ids=lambda spec: type(spec).__name__,
)
def test_the_values_of_its_settings_are_the_whole_of_a_specification(spec: Any) -> None:
    values = {leaf.path: value_of(spec, leaf) for leaf in leaves_of(type(spec))}
    assert build(type(spec), values) == spec
    assert with_values(spec, {}) == spec
    assert with_values(spec, {("out",): "there"}).out == "there"


@pytest.mark.parametrize("spec", SPECS.values(), ids=SPECS)
def test_no_two_settings_of_a_command_share_an_option(spec: type[Any]) -> None:
    from pipelines.commands.spec_command import flags_of

    flags = [
        flag
        for leaf in leaves_of(spec)
        if isinstance(leaf.place, Option) and not leaf.is_hidden
        for flag in flags_of(leaf)[0].split("/")
    ]
    assert len(flags) == len(set(flags))


@pytest.mark.parametrize(
    ("spec", "execution"),
    [
        (LabelSpec, {"workers.count", "network.device", "network.batch_size", "storage.endpoint", "out"}),
        (TrainSpec, {"workers.count", "device", "recipe.steps", "recipe.decay_steps", "validation.every"}),
        (FlywheelSpec, {"workers.label_workers", "network.device", "checkpoint_every"}),
    ],
    ids=["label", "train", "flywheel"],
)
def test_how_the_work_is_done_may_change_and_what_is_made_may_not(
    spec: type[Any], execution: set[str]
) -> None:
    by_effect = {leaf.name: leaf.effect for leaf in leaves_of(spec)}
    assert {by_effect[name] for name in execution} == {Effect.EXECUTION}
    rows = {"clicks.max_clicks", "network.zoom_size", "network.flip", "recipe.rate", "recipe.crop_size"}
    assert {by_effect[name] for name in rows & by_effect.keys()} == {Effect.ROWS}
