"""Values that another program wrote, with a line for each that is not what it should be."""

from __future__ import annotations

import math
from typing import Any

from infra.errors import LabelImportError

_LONGEST_VALUE = 60


def shown(value: object) -> str:
    """Return a value as an error shows it, cut to a length that a line has room for."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def object_in(value: object, place: str) -> dict[str, Any]:
    """Return a value that must be a JSON object."""
    if not isinstance(value, dict):
        raise LabelImportError(f"{place} is {shown(value)}: it must be a JSON object")
    return value


def list_in(value: object, place: str) -> list[Any]:
    """Return a value that must be a JSON list."""
    if not isinstance(value, list):
        raise LabelImportError(f"{place} is {shown(value)}: it must be a list")
    return value


def number_in(value: object, place: str) -> float:
    """Return a value that must be a finite number."""
    if isinstance(value, int | float) and not isinstance(value, bool):
        try:
            number = float(value)
        except OverflowError:
            number = math.inf
        if math.isfinite(number):
            return number
    raise LabelImportError(f"{place} is {shown(value)}: it must be a finite number")


def side_in(value: object, place: str) -> int:
    """Return a height or width in pixels, a whole number from 1 on."""
    number = number_in(value, place)
    if number < 1 or not number.is_integer():
        raise LabelImportError(f"{place} is {shown(value)}: it must be a whole number of pixels")
    return int(number)


def text_in(value: object, place: str) -> str:
    """Return a value that must be text, or an id that is a whole number; empty for none."""
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if isinstance(value, str):
        try:
            value.encode()
        except UnicodeEncodeError:  # JSON may escape one half of a pair
            raise LabelImportError(f"{place} is {shown(value)}, which holds half a character") from None
        return value
    raise LabelImportError(f"{place} is {shown(value)}: it must be text")
