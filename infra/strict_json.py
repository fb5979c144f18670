"""Frozen dataclasses as JSON, and back with everything checked: the one way in and out of files that are ours.

pydantic does it: types are taken at their word (no "3" for 3), fields that a class does not have are refused, and so is
what lies outside the bounds of an annotation or what `__post_init__` refuses with a ValueError. A dataclass needs to
know nothing of it, unless a time must have a zone (`pydantic.AwareDatetime`).
"""

from __future__ import annotations

import json
from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from infra.json_text import NESTED_TOO_DEEPLY, JsonValue, parse_json

_T = TypeVar("_T")
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
_LONGEST_VALUE = 80


@cache
def _adapter(kind: Hashable) -> TypeAdapter[Any]:
    # pydantic takes a configuration for a tuple that holds a dataclass, and not for the dataclass
    return TypeAdapter(tuple[kind], config=_STRICT)  # type: ignore[valid-type]


def to_json(value: object) -> dict[str, JsonValue]:
    """A dataclass as a JSON object, all of its fields."""
    (document,) = _adapter(cast("Hashable", type(value))).dump_python((value,), mode="json", warnings="none")
    return cast("dict[str, JsonValue]", document)


def to_bytes(value: object) -> bytes:
    """As `to_json`, the content of a file that people can read. ValueError if a number in it is not finite."""
    return json.dumps(to_json(value), indent=1, allow_nan=False).encode()


def from_json(kind: type[_T], document: Any) -> _T:
    """The instance of a dataclass, or the value of another type, that a JSON value describes.

    Raises:
        ValueError: in one line, every field that is unknown, missing, of another type or out of its bounds.

    """
    try:
        (value,) = _adapter(cast("Hashable", kind)).validate_json(json.dumps([document]))
    except ValidationError as error:
        raise ValueError("; ".join(_problems(error))) from None
    except RecursionError:
        raise ValueError(NESTED_TOO_DEEPLY) from None
    return cast("_T", value)


def from_bytes(kind: type[_T], data: bytes | str) -> _T:
    """As `from_json`, for the bytes of a file; ValueError also if they are no JSON."""
    return from_json(kind, parse_json(data))


def _problems(error: ValidationError) -> list[str]:
    """What is wrong, a field once: of a field that takes several types each says what it would have taken."""
    told: dict[str, dict[str, list[str]]] = {}
    for problem in error.errors(include_url=False):
        # the first part is the tuple; parts in brackets or quotes name one of several types
        place = ".".join(str(part) for part in problem["loc"][1:] if _is_name(part))
        rule, value = problem["msg"].removeprefix("Input ").removeprefix("Value error, "), ""
        if problem["type"] == "unexpected_keyword_argument":
            rule = "no such field"
        elif problem["type"] == "missing":
            rule = "is missing"
        elif problem["type"] == "json_invalid":
            # what json.dumps writes is JSON; pydantic takes fewer levels of it, and no half of a surrogate pair
            rule = NESTED_TOO_DEEPLY if "recursion" in rule else "it holds half a character"
        elif problem["type"] != "value_error":
            value = f", not {_shown(problem['input'])}"
        told.setdefault(place, {}).setdefault(value, []).append(rule)
    return [(f"{place}: " if place else "") + _in_words(rules) for place, rules in told.items()]


def _in_words(rules: dict[str, list[str]]) -> str:
    """Rules by the value that breaks them, each rule and each value once."""
    return " or ".join(f"{' or '.join(dict.fromkeys(broken))}{value}" for value, broken in rules.items())


def _is_name(part: object) -> bool:
    # fields are lower case; classes, which name one of several types, are not
    return isinstance(part, int) or (isinstance(part, str) and part.isidentifier() and part[0].islower())


def _shown(value: object) -> str:
    text = json.dumps(value, default=str)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
