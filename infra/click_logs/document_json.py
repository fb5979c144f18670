"""Values of the JSON that annotation tools write, with a line for each that is not what it should be."""

from __future__ import annotations

import math
from typing import Any

from infra.click_logs.log_part import shown
from infra.errors import ClickLogError
from infra.json_text import parse_json
from infra.storage.files import Storage


def read_document(storage: Storage, url: str) -> Any:
    """Return the JSON of a whole file. ClickLogError if it is none."""
    try:
        return parse_json(storage.read_bytes(url))
    except ValueError as error:
        raise ClickLogError(f"{url} is no JSON ({error}): export it again") from None


def object_in(value: object, place: str) -> dict[str, Any]:
    """Return a value that must be a JSON object."""
    if not isinstance(value, dict):
        raise ClickLogError(f"{place} is {shown(value)}: it must be a JSON object")
    return value


def list_in(value: object, place: str) -> list[Any]:
    """Return a value that must be a JSON list."""
    if not isinstance(value, list):
        raise ClickLogError(f"{place} is {shown(value)}: it must be a list")
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
    raise ClickLogError(f"{place} is {shown(value)}: it must be a finite number")


def text_in(value: object, place: str) -> str:
    """Return a value that must be text with letters in it."""
    if isinstance(value, str) and value:
        try:
            value.encode()
        except UnicodeEncodeError:  # JSON may escape one half of a pair
            raise ClickLogError(f"{place} is {shown(value)}, which holds half a character") from None
        return value
    raise ClickLogError(f"{place} is {shown(value)}: it must be text that is not empty")


def id_in(value: object, place: str) -> str:
    """Return an id, a whole number or text, as text."""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    return text_in(value, place)
