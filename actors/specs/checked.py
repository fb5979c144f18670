"""Specifications held against their own annotations: Python does not look at types and bounds."""

from __future__ import annotations

from typing import Any, TypeVar

from actors.errors import SpecError
from infra.strict_json import from_json, to_json

_SpecT = TypeVar("_SpecT")


def checked(spec: _SpecT) -> _SpecT:
    """The same specification, with numbers as their fields have them: 1 becomes 1.0 in a field of fractions.

    Raises:
        SpecError: a value is of another type than its field, or out of its bounds.

    """
    kind: type[Any] = type(spec)
    try:
        decoded: _SpecT = from_json(kind, to_json(spec))
    except ValueError as error:
        raise SpecError(f"{kind.__name__} cannot be used: {error}") from None
    return decoded
