"""Specifications that Hypothesis draws: every setting takes every value that its annotation allows."""

from __future__ import annotations

import typing
from collections.abc import Mapping
from typing import Any, Final, Literal

from hypothesis import strategies as st

from actors.errors import ActorsError
from actors.specs.leaves import Leaf, build, is_union, leaves_of
from infra.errors import InfraError

_MOST = 2**70  # more than fits a machine word
_TEXTS: Final[Mapping[str, st.SearchStrategy[Any]]] = {
    "clicks.source": st.text(min_size=1).map(lambda url: f"logged:{url}"),  # others take no settings of a log
    "clicks.final_masks": st.text(min_size=1).map(lambda url: f"masks:{url}") | st.just("none"),
    "log.columns": st.sampled_from([(), ("x=px",), ("x=px", "sample_key=image")]),
    "start.source": st.text(min_size=1).flatmap(
        lambda url: st.sampled_from(["nothing", f"masks:{url}", f"boxes:{url}"])
    ),
    "start.changes": st.sampled_from(["auto", "global"]),  # local needs masks
    "start.damage_min_iou": st.just(0.75),  # others need start "damaged"
    "start.damage_max_iou": st.just(0.85),
    "start.damage_seed": st.just(0),
    "start.masks.mask_values": st.none(),  # others need masks
    "start.masks.ignore_value": st.none(),
    "start.masks.object_values": st.just("as they are"),
    "robustness.realistic_user": st.sampled_from(["uniform", "jitter?pixels=3"]),
    **{
        name: st.lists(st.text().map(lambda value: f"checkpoint={value}"), max_size=1).map(tuple)
        for name in ("model.options", "options")
    },
    "reading.object_values": st.sampled_from(["as they are", "255", "1,3", "#ff0000", "alpha"]),
    "recipe.betas": st.tuples(*[st.floats(0, 0.999)] * 2),
    "recipe.crop_size": st.tuples(*[st.integers(32, _MOST)] * 2),
    "recipe.step_at": st.lists(st.integers(0, _MOST), min_size=1).map(tuple),
    "recipe.decay_steps": st.just(0),  # others need schedule "stable"
    "recipe.zoom_margin": st.tuples(st.floats(0.1, 1), st.floats(1, 9)),
    "recipe.resize": st.tuples(st.floats(0.1, 1), st.floats(1, 9)),
    "part.index": st.just(0),  # others need a larger part.count
}
"""Settings for which not every value of their type will do."""
_ONE_OF = ("robustness", "decision")
"""Sections of which one at most is asked for."""
_NUMBERS_OF_WORKERS = {"workers.count", "workers.label_workers", "workers.train_workers"}


def specs(kind: type[Any]) -> st.SearchStrategy[Any]:
    """Specifications of a class."""
    leaves = leaves_of(kind)
    defaults = {leaf.path: leaf.default for leaf in leaves if leaf.path[0] in _ONE_OF}
    return st.fixed_dictionaries({leaf.path: values(leaf) for leaf in leaves}).flatmap(
        lambda drawn: _built(kind, {**drawn, **_left_out(drawn, defaults)})
    )


def _left_out(
    drawn: Mapping[tuple[str, ...], Any], defaults: Mapping[tuple[str, ...], Any]
) -> dict[tuple[str, ...], Any]:
    """Defaults in place of what was drawn for a section that says nothing beside the others."""
    is_robust = drawn.get(("robustness", "robustness"), False)
    is_decided = not is_robust and drawn.get(("decision", "until_decided")) is not None
    has_a_say = {"robustness": is_robust, "decision": is_decided}
    return {path: default for path, default in defaults.items() if not has_a_say[path[0]]}


def values(leaf: Leaf) -> st.SearchStrategy[Any]:
    """Values of a setting."""
    if leaf.name in _NUMBERS_OF_WORKERS:
        return st.tuples(st.integers(1, 9), st.integers(9, 99)).map(lambda two: f"{two[0]}:{two[1]}")
    if leaf.name == "clicks.source" and not leaf.is_location:
        return st.sampled_from(["simulated", "simulated:protocol"])  # others take no robustness
    return _TEXTS[leaf.name] if leaf.name in _TEXTS else _of(leaf.kind, leaf)


def _of(kind: Any, leaf: Leaf) -> st.SearchStrategy[Any]:
    if typing.get_origin(kind) is typing.Annotated:
        kind = kind.__origin__
    if is_union(kind):
        return st.one_of(*[_of(one, leaf) for one in typing.get_args(kind)])
    if typing.get_origin(kind) is Literal:
        return st.sampled_from(typing.get_args(kind))
    if typing.get_origin(kind) is tuple:
        assert typing.get_args(kind) == (str, ...), f"{leaf.name}: say here what it may hold"
        return st.lists(st.text(), min_size=1).map(tuple)
    if kind is int:
        return st.integers(*_bounds(leaf, _MOST))
    if kind is float:
        lower, upper = _bounds(leaf, 1e300)
        return st.floats(lower, upper, exclude_min=leaf.is_above, exclude_max=leaf.is_below)
    return {bool: st.booleans(), str: st.text(), type(None): st.none()}[kind]


def _bounds(leaf: Leaf, most: Any) -> tuple[Any, Any]:
    kind = type(most)
    lower, upper = (None if bound is None else kind(bound) for bound in (leaf.lower, leaf.upper))
    return -most if lower is None else lower, most if upper is None else upper


def _built(kind: type[Any], drawn: Mapping[tuple[str, ...], Any]) -> st.SearchStrategy[Any]:
    try:
        return st.just(build(kind, drawn))
    except (ValueError, ActorsError, InfraError):  # values that contradict each other
        return st.nothing()
