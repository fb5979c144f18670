"""JSON that somebody else wrote: whatever is wrong with it is a ValueError."""

from __future__ import annotations

import json
from typing import Any, TypeAlias

NESTED_TOO_DEEPLY = "it is nested too deeply"
JsonValue: TypeAlias = bool | int | float | str | list["JsonValue"] | dict[str, "JsonValue"] | None


def parse_json(text: bytes | str) -> Any:
    """Return what `json.loads` does. ValueError also for brackets within brackets without end."""
    try:
        return json.loads(text)
    except RecursionError:
        raise ValueError(NESTED_TOO_DEEPLY) from None
