"""Specifications held against their own annotations: Python does not look at types and bounds."""

from __future__ import annotations

from typing import Any, TypeVar

from actors.errors import SpecError
from actors.specs.leaves import leaves_of, value_of
from infra.strict_json import from_json, to_json

_SpecT = TypeVar("_SpecT")


def checked(kind: type[_SpecT], spec: object) -> _SpecT:
    """The same specification, with numbers as their fields have them: 1 becomes 1.0 in a field of fractions.

    Raises:
        SpecError: it is of another class; a value is of another type than its field, or out of its bounds; a place is
            empty.

    """
    if not isinstance(spec, kind):
        raise SpecError(f"{spec!r} is a {type(spec).__name__}: give a {kind.__name__}")
    own: type[Any] = type(spec)
    try:
        decoded: _SpecT = from_json(own, to_json(spec))
    except (ValueError, TypeError) as error:
        raise SpecError(f"{kind.__name__} cannot be used: {error}") from None
    for leaf in leaves_of(own):
        value = value_of(decoded, leaf)
        if leaf.is_location and (value == "" or (isinstance(value, tuple) and "" in value)):
            raise SpecError(f"{leaf.name} is empty: give a path or URL; the folder you are in is .")
    return decoded
