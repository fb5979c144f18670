"""Frozen dataclasses of plain values as JSON objects, and back with every type checked."""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Mapping
from types import MappingProxyType
from typing import Any

from mfp.errors import ModelError

ADDED_LATER: Mapping[str, Any] = MappingProxyType({"added_later": True})
"""Metadata of a field that older files do not have: `field(default=..., metadata=ADDED_LATER)` reads them with its
default. A field without it must be there."""


def dataclass_from_json(kind: type[Any], value: object, where: str) -> Any:
    """An instance of a dataclass from the JSON object that dataclasses.asdict makes of it.

    Args:
        kind: the dataclass; fields are plain values, tuples of them, literals or such dataclasses.
        value: the JSON value.
        where: name of the place, for messages.

    Raises:
        ModelError: an unknown field, a missing one that is not ADDED_LATER, or a value of another type.
    """
    types = typing.get_type_hints(kind)
    optional = {field.name for field in dataclasses.fields(kind) if "added_later" in field.metadata}
    if not isinstance(value, Mapping) or not types.keys() - optional <= value.keys() <= types.keys():
        got = sorted(value) if isinstance(value, Mapping) else value
        raise ModelError(
            f"configuration of {where}: fields must be {sorted(types)}, not {got}; convert the model again"
        )
    return kind(**{name: _from_json(types[name], item, f"{where}.{name}") for name, item in value.items()})


def _from_json(kind: Any, value: object, where: str) -> Any:
    if dataclasses.is_dataclass(kind):
        return dataclass_from_json(typing.cast("type[Any]", kind), value, where)
    origin = typing.get_origin(kind)
    if origin is tuple and isinstance(value, list | tuple):
        return tuple(_from_json(typing.get_args(kind)[0], item, where) for item in value)
    if origin is typing.Literal:
        if value in typing.get_args(kind):
            return value
    elif kind is float and isinstance(value, int | float) and not isinstance(value, bool):
        return float(value)
    elif type(value) is kind:
        return value
    raise ModelError(
        f"configuration of {where}: {value!r} is no {getattr(kind, '__name__', kind)}; convert the model again"
    )
