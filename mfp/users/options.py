"""The options of a simulated user, as its annotations tell them, and the one way in which they are written.

An option is a number: a field of the user's dataclass, annotated with `Doc`, an `annotated_types.Interval` whose upper
bound is included, and `Unit` if it has one.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final, cast

from annotated_types import Interval, Unit
from typing_extensions import Doc

REQUIRED: Final = dataclasses.MISSING


@dataclass(frozen=True)
class UserOption:
    """What a kind of user can be told.

    Attributes:
        name: as it is written.
        help: what it is for.
        unit: of its value; empty if it has none.
        lower, upper: bounds, both included; the lower one is not if `is_above`.
        default: a float, or REQUIRED if it must be given.
    """

    name: str
    help: str
    unit: str
    lower: float
    upper: float
    is_above: bool
    default: Any

    @property
    def bounds(self) -> str:
        """Both in one inequality, such as `0<=p<=1`."""
        return f"{plain(self.lower)}{'<' if self.is_above else '<='}{self.name}<={plain(self.upper)}"

    def check(self, value: float) -> None:
        """ValueError if it lies outside the bounds or is not a number."""
        is_high_enough = value > self.lower if self.is_above else value >= self.lower
        if not (is_high_enough and value <= self.upper):
            raise ValueError(f"{self.name} {plain(value)}: must be {self.bounds}")

    def read(self, text: str) -> float:
        """The number that a text means. ValueError if it is none, or outside the bounds."""
        try:
            value = float(text)
        except ValueError:
            raise ValueError(f"{self.name} {text!r}: must be a number, {self.bounds}") from None
        self.check(value)
        return value


def options_of(kind: type[Any]) -> tuple[UserOption, ...]:
    """The options of a kind of user, in the order of its fields."""
    hints = typing.get_type_hints(kind, include_extras=True)
    return tuple(_option(field, hints[field.name].__metadata__) for field in dataclasses.fields(kind))


def options_text(user: object) -> str:
    """Its options as they are written, `option=value&option=value`: by name, without those at their default."""
    told = {option.name: getattr(user, option.name) for option in options_of(type(user))}
    defaults = {option.name: option.default for option in options_of(type(user))}
    return "&".join(f"{name}={plain(told[name])}" for name in sorted(told) if told[name] != defaults[name])


def read_options(kind: type[Any], texts: Mapping[str, str]) -> dict[str, float]:
    """The values of the options that `texts` gives. ValueError names the first that is wrong, unknown or missing."""
    options = {option.name: option for option in options_of(kind)}
    for name in texts:
        if name not in options:
            known = f"it knows {', '.join(options)}" if options else "it has none"
            raise ValueError(f"{name!r} is no option of it; {known}")
    for option in options.values():
        if option.default is REQUIRED and option.name not in texts:
            raise ValueError(f"it needs {option.name}; give a number, {option.bounds}")
    return {name: options[name].read(text) for name, text in texts.items()}


def plain(value: float) -> str:
    """A number as short as it can be written so that the same one is read back: 5 for 5.0."""
    return repr(float(value)).removesuffix(".0")


def _option(field: dataclasses.Field[Any], marks: tuple[object, ...]) -> UserOption:
    (interval,) = (mark for mark in marks if isinstance(mark, Interval))
    (doc,) = (mark for mark in marks if isinstance(mark, Doc))
    is_above = interval.gt is not None
    return UserOption(
        name=field.name,
        help=doc.documentation,
        unit="".join(mark.unit for mark in marks if isinstance(mark, Unit)),
        lower=cast(float, interval.gt if is_above else interval.ge),
        upper=cast(float, interval.le),
        is_above=is_above,
        default=field.default,
    )
