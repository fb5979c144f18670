"""Words that say what stands at a place, before the place: `logged:URL`, `masks:URL`."""

from __future__ import annotations

from typing import Final

from actors.specs.model import TRAINING_RUN_PREFIX
from actors.specs.places import absolute

LOGGED: Final = "logged:"
MASKS: Final = "masks:"
BOXES: Final = "boxes:"
PREFIXES: Final = (LOGGED, MASKS, BOXES, TRAINING_RUN_PREFIX)


def prefix_of(text: str) -> str:
    """The prefix of a text, one of PREFIXES; empty if it has none."""
    return next((prefix for prefix in PREFIXES if text.startswith(prefix)), "")


def places_of(text: str) -> list[str]:
    """The place behind a prefix, or none."""
    prefix = prefix_of(text)
    return [text.removeprefix(prefix)] if prefix else []


def place_of(text: str, prefix: str, what: str) -> str:
    """What stands behind a prefix. ValueError if nothing does; `what` says what should."""
    place = text.removeprefix(prefix)
    if not place:
        raise ValueError(f"{text!r} names no {what} after {prefix!r}")
    return place


def with_absolute_place(text: str) -> str:
    """The same text with an absolute place behind its prefix; a text without one has no place."""
    prefix = prefix_of(text)
    return prefix + absolute(text.removeprefix(prefix)) if prefix else text
