"""How other programs name an object, and the entries of theirs that are no single object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

CROWD = "objects with iscrowd 1, which are regions of several objects: left out"


def id_of(value: Any) -> str:
    """Return an id as text; 25.0 and 25 are one, as databases turn whole numbers into floats. "" if it is none."""
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else ""


def is_crowd(entry: Mapping[str, Any]) -> bool:
    """Tell whether an entry says of itself, as COCO does, that it is a region of several objects."""
    return bool(entry.get("iscrowd") == 1)
