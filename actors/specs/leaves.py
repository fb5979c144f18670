"""The settings of a specification, one by one, with all that their annotations say."""

from __future__ import annotations

import dataclasses
import functools
import typing
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from types import UnionType
from typing import Annotated, Any, Final, Literal

import annotated_types
from typing_extensions import Doc

from actors.specs.marks import LOCATION, SPOKEN, Argument, Option, Section
from mfp.setting import Effect

REQUIRED: Final = dataclasses.MISSING
_KNOWN: dict[type[Any], tuple[Leaf, ...]] = {}


@dataclass(frozen=True)
class Leaf:
    """A setting.

    Attributes:
        path: names from the specification down to the field, such as ("network", "zoom_size").
        annotation: its type with everything that stands beside it.
        kind: its type alone.
        default: REQUIRED if there is none.
        effect: what it decides.
        help: what it is for.
        unit: of its value; empty if it has none.
        lower, upper: bounds of a number, None if there is none; `is_above` if it must be more than `lower`, `is_below`
            if it must be less than `upper`.
        words: texts that stand beside a number, such as "auto".
        is_location: it is, or holds, a path or URL.
        is_spoken: no configuration file gives it.
        place: how the command line calls it.
        section: the one it stands in.
        is_hidden: the command line has no option for it.
    """

    path: tuple[str, ...]
    annotation: Any
    kind: Any
    default: Any
    effect: Effect
    help: str
    unit: str
    lower: float | None
    upper: float | None
    is_above: bool
    is_below: bool
    words: tuple[str, ...]
    is_location: bool
    is_spoken: bool
    place: Option | Argument
    section: Section
    is_hidden: bool

    @property
    def bounds(self) -> str:
        """The bounds of a number, such as `x>0` or `0<=x<1`; empty if there are none."""
        lower = "" if self.lower is None else f"{self.lower:.10g}{'<' if self.is_above else '<='}"
        upper = "" if self.upper is None else f"{'<' if self.is_below else '<='}{self.upper:.10g}"
        if lower and not upper:
            return f"x{'>' if self.is_above else '>='}{self.lower:.10g}"
        return f"{lower}x{upper}" if upper else ""

    @property
    def bounds_in_words(self) -> str:
        """As `bounds`: ` above 0`, ` from 0 to below 1`; empty if there are none."""
        if self.lower is None and self.upper is None:
            return ""
        lower = "" if self.lower is None else f"{self.lower:.10g}"
        upper = "" if self.upper is None else f"{'below ' if self.is_below else ''}{self.upper:.10g}"
        if not upper:
            return f" above {lower}" if self.is_above else f" of {lower} or more"
        if not lower:
            return f" {upper}" if self.is_below else f" up to {upper}"
        return f" {'above' if self.is_above else 'from'} {lower} to {upper}"

    @property
    def name(self) -> str:
        """Its dotted name, such as `network.zoom_size`."""
        return ".".join(self.path)


def leaves_of(spec: type[Any]) -> tuple[Leaf, ...]:
    """The settings of a specification in the order of its fields, those of sections in their place."""
    if spec not in _KNOWN:
        _KNOWN[spec] = tuple(_leaves(spec, (), Section(), Effect.ROWS))
    return _KNOWN[spec]


def value_of(spec: object, leaf: Leaf) -> Any:
    """The value of a setting in a specification."""
    return functools.reduce(getattr, leaf.path, spec)


def build(spec: type[Any], values: Mapping[tuple[str, ...], Any]) -> Any:
    """A specification with these values, by their paths; defaults stand for the others.

    Raises:
        ValueError, InfraError: values that do not go together.
        TypeError: a value that has no default is missing, or a section is given whole and in parts.

    """
    given: dict[str, Any] = {}
    for field in dataclasses.fields(spec):
        inside = {path[1:]: value for path, value in values.items() if path[0] == field.name}
        if () in inside and len(inside) > 1:
            raise TypeError(f"{field.name} is given whole, and in parts: {sorted(filter(None, inside))}")
        if () in inside:
            given[field.name] = inside[()]
        elif inside:
            kind, _ = _apart(_hints(spec)[field.name])
            if field.default is dataclasses.MISSING:
                given[field.name] = build(kind, inside)
            else:
                defaults = {leaf.path: value_of(field.default, leaf) for leaf in leaves_of(kind)}
                given[field.name] = build(kind, defaults | inside)
    return spec(**given)


def with_values(spec: Any, values: Mapping[tuple[str, ...], Any]) -> Any:
    """The same specification with some values, or whole sections, replaced."""
    kept = {
        leaf.path: value_of(spec, leaf)
        for leaf in leaves_of(type(spec))
        if not any(leaf.path[:depth] in values for depth in range(1, len(leaf.path)))
    }
    return build(type(spec), kept | dict(values))


def _leaves(kind: type[Any], path: tuple[str, ...], section: Section, effect: Effect) -> Iterator[Leaf]:
    hints = _hints(kind)
    for field in dataclasses.fields(kind):
        of_field, marks = _apart(hints[field.name])
        own_effect = next((mark for mark in marks if isinstance(mark, Effect)), effect)
        own_path = (*path, field.name)
        if dataclasses.is_dataclass(of_field):
            own_section = next((mark for mark in marks if isinstance(mark, Section)), section)
            inner = _leaves(typing.cast("type[Any]", of_field), own_path, own_section, own_effect)
            yield from _with_defaults(inner, field.default, len(own_path))
        else:
            yield _leaf(own_path, field.default, hints[field.name], section, own_effect)


def _with_defaults(leaves: Iterator[Leaf], default: Any, depth: int) -> Iterator[Leaf]:
    """Leaves of a section whose own default may say otherwise than its fields do."""
    for leaf in leaves:
        if default is REQUIRED:
            yield leaf
        else:
            yield replace(leaf, default=functools.reduce(getattr, leaf.path[depth:], default))


def _leaf(path: tuple[str, ...], default: Any, annotation: Any, section: Section, effect: Effect) -> Leaf:
    kind, marks = _apart(annotation)
    number, words = _number_and_words(kind)
    bounds = [bound for mark in (*marks, *number) for bound in _bounds(mark)]
    lower = next(
        (bound for bound in bounds if isinstance(bound, annotated_types.Ge | annotated_types.Gt)), None
    )
    upper = next(
        (bound for bound in bounds if isinstance(bound, annotated_types.Le | annotated_types.Lt)), None
    )
    place = next((mark for mark in marks if isinstance(mark, Option | Argument)), Option())
    if isinstance(place, Option) and path[-1] in section.options:
        place = _over(section.options[path[-1]], place)
    return Leaf(
        path=path,
        annotation=annotation,
        kind=kind,
        default=default,
        effect=effect,
        help=next((mark.documentation for mark in marks if isinstance(mark, Doc)), ""),
        unit=next((mark.unit for mark in marks if isinstance(mark, annotated_types.Unit)), ""),
        lower=_limit(lower),
        upper=_limit(upper),
        is_above=isinstance(lower, annotated_types.Gt),
        is_below=isinstance(upper, annotated_types.Lt),
        words=words,
        is_location=LOCATION in marks,
        is_spoken=SPOKEN in marks,
        place=place,
        section=section,
        is_hidden=path[-1] in section.hidden,
    )


def _over(upper: Option, lower: Option) -> Option:
    """An option as a section calls it, and for the rest as its own annotation does."""
    said = {field.name: getattr(upper, field.name) for field in dataclasses.fields(Option)}
    return replace(lower, **{name: text for name, text in said.items() if text})


def _limit(bound: Any) -> float | None:
    if bound is None:
        return None
    (value,) = (getattr(bound, name) for name in ("ge", "gt", "le", "lt") if hasattr(bound, name))
    return typing.cast("float", value)


def _bounds(mark: Any) -> Iterator[Any]:
    """A mark is one bound, or an interval of several."""
    if isinstance(mark, annotated_types.Interval):
        yield from mark
    else:
        yield mark


def _number_and_words(kind: Any) -> tuple[tuple[Any, ...], tuple[str, ...]]:
    """The marks of the number, and the texts, of a type such as `Annotated[int, Ge(1)] | Literal["auto"]`."""
    if not is_union(kind):
        return (), ()
    marks: tuple[Any, ...] = ()
    words: tuple[str, ...] = ()
    for one in typing.get_args(kind):
        inner, of_inner = _apart(one)
        if typing.get_origin(inner) is Literal:
            words += typing.get_args(inner)
        marks += of_inner
    return marks, words


def is_union(kind: Any) -> bool:
    """Whether a type is one of several."""
    return typing.get_origin(kind) in {UnionType, typing.Union}


def _hints(kind: type[Any]) -> dict[str, Any]:
    return typing.get_type_hints(kind, include_extras=True)


def _apart(hint: Any) -> tuple[Any, tuple[Any, ...]]:
    """A type, and the marks that stand beside it."""
    if typing.get_origin(hint) is Annotated:
        return hint.__origin__, hint.__metadata__
    return hint, ()
