"""Which columns of a table are read, and what each value of them must be."""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import cached_property
from typing import Any, TypeAlias

from infra.click_logs.log_part import Order, shown
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.signs import sign_of_value
from infra.errors import ClickLogError

_MAX_INDEX = 2**31 - 1
_LARGEST_EXACT_INTEGER = 2**53
_NEEDED = ("sample_key", "object_id", "y", "x", "is_foreground")
_WITH_POINT = ("y", "x", "timestamp")
_DECIMAL_COMMA = re.compile(r"[+-]?\d*,\d+", re.ASCII)
_INDEX_RULE = f"an integer from 0 to {_MAX_INDEX}"
RULES = {
    "sample_key": "a string that is not empty, or an integer",
    "object_id": "a string that is not empty, or an integer",
    "click_idx": _INDEX_RULE,
    "timestamp": "a time (ISO 8601), or a number of seconds or milliseconds",
    "y": "a finite number",
    "x": "a finite number",
    "is_foreground": "true or false, 1 or 0 (or -1), or a word such as positive, negative, fg or bg",
    "look": _INDEX_RULE,
}
NEEDED = f"a click log needs {', '.join(_NEEDED)}, and --click-column OURS=THEIRS says what they are called"


@dataclass(frozen=True)
class Columns:
    """The columns of a file that are read: what each of ours is called there, and which says the order."""

    theirs: Mapping[str, str]
    order: str
    """click_idx, timestamp, or "" for the order in the file."""

    @classmethod
    def among(cls, present: Sequence[str], options: ClickLogOptions, place: str, noun: str) -> Columns:
        """Choose from the names in a table at `place`, which calls a column `noun`.

        Raises:
            ClickLogError: one is missing, or is there twice.

        """
        theirs = {name: options.theirs(name) for name in RULES}
        named = {name for name in RULES if theirs[name] != name}
        needed = [name for name in RULES if name in _NEEDED or name in named]
        if missing := [theirs[name] for name in needed if theirs[name] not in present]:
            raise ClickLogError(f"{place} has no {noun} {', '.join(missing)}: {NEEDED}")
        found = {name: theirs[name] for name in RULES if theirs[name] in present}
        order = next((name for name in ("click_idx", "timestamp") if name in found), "")
        if order == "click_idx":
            found.pop("timestamp", None)
        if twice := [theirs for theirs in found.values() if present.count(theirs) > 1]:
            raise ClickLogError(f"{place} has several {noun}s {', '.join(twice)}: {NEEDED}, once each")
        return cls(found, order)

    def has_same(self, present: Mapping[str, object], absent: frozenset[str]) -> bool:
        """Tell whether a row has all columns that are read, and none of those that would decide."""
        return present.keys() >= self.needed and absent.isdisjoint(present)

    @cached_property
    def needed(self) -> frozenset[str]:
        """What the columns that are read are called in the file."""
        return frozenset(self.theirs.values())

    def decisive(self, options: ClickLogOptions) -> frozenset[str]:
        """Return what columns are called that would be read if the first row had them."""
        names = ("look",) if self.order == "click_idx" else ("click_idx", "timestamp", "look")
        return frozenset(options.theirs(name) for name in names if name not in self.theirs)

    def other_columns(
        self, present: Mapping[str, object], options: ClickLogOptions, place: str
    ) -> ClickLogError:
        """Return what to raise for a row that has other columns than the first row of its file."""
        missing = [theirs for theirs in self.theirs.values() if theirs not in present]
        if missing and missing[0] in map(self.theirs.get, _NEEDED):
            return ClickLogError(f"{place} has no field {missing[0]}: {NEEDED}")
        theirs = missing[0] if missing else min(self.decisive(options) & present.keys())
        has, had = ("no", "one") if missing else ("a", "none")
        return ClickLogError(
            f"{place} has {has} field {theirs}, and the first line has {had}: write it in all lines or in none"
        )


@dataclass(frozen=True)
class Moment:
    """A time that can be compared with others of its kind."""

    kind: Order
    value: float


def take_text(value: object) -> str:
    """Return a key or an id. ValueError if the value breaks the rule of its column, as for all that follow."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str) or not value:
        raise ValueError
    try:
        value.encode()
    except UnicodeEncodeError:  # JSON may escape one half of a pair
        raise ValueError("it holds half a character") from None
    return value


def take_index(value: object) -> int:
    """Return a click index or a look, also from a whole number with a point, as pandas writes it: 1.0."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 <= value <= _MAX_INDEX:
        raise ValueError
    return value


def take_number(value: object) -> float:
    """Return a coordinate."""
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError
    if isinstance(value, int) and abs(value) > _LARGEST_EXACT_INTEGER:
        raise ValueError
    if not math.isfinite(value):
        raise ValueError
    return float(value)


def take_sign(value: object) -> bool:
    """Return whether a click is on the object."""
    try:
        return sign_of_value(value)
    except ValueError:
        raise ValueError from None


def take_moment(value: object) -> Moment:
    """Return a timestamp: a number, or a time as ISO 8601 text, which counts in microseconds."""
    if not isinstance(value, str):
        return Moment(Order.NUMBERS, take_number(value))
    try:
        time = datetime.fromisoformat(value.strip())
    except ValueError:
        raise ValueError from None
    epoch = datetime(1970, 1, 1, tzinfo=time.tzinfo)
    kind = Order.TIMES if time.tzinfo is None else Order.ZONED_TIMES
    offset = (time.utcoffset() or timedelta()) if time.tzinfo else timedelta()
    return Moment(
        kind, float((time - epoch) // timedelta(microseconds=1) - offset // timedelta(microseconds=1))
    )


Taker: TypeAlias = Callable[[object], Any]
"""Returns what a value of a column stands for; ValueError if it breaks the rule."""
TAKERS: Mapping[str, Taker] = {
    "sample_key": take_text,
    "object_id": take_text,
    "click_idx": take_index,
    "timestamp": take_moment,
    "y": take_number,
    "x": take_number,
    "is_foreground": take_sign,
    "look": take_index,
}


def broken_rule(place: str, name: str, theirs: str, value: object, reason: str = "") -> ClickLogError:
    """Return what to raise for a value that breaks the rule of our column `name`."""
    has_comma = name in _WITH_POINT and isinstance(value, str) and _DECIMAL_COMMA.fullmatch(value.strip())
    remedy = ": write a decimal point" if has_comma else ""
    return ClickLogError(
        f"{place}: {theirs} is {shown(value)}: {reason or f'it must be {RULES[name]}'}{remedy}"
    )
