"""The words by which people and programs say whether a click is on the object or on the background."""

from __future__ import annotations

import re
from collections.abc import Mapping

_OBJECT = frozenset({"foreground", "fg", "positive", "pos"})
_BACKGROUND = frozenset({"background", "bg", "negative", "neg"})
_YES = frozenset({"true", "1", "+1"})
_NO = frozenset({"false", "0", "-1"})
_COUNTED = re.compile(r"[\s_.#-]*\d+$")  # negative_2, bg 3


def sign_of_value(value: object) -> bool:
    """Return whether a value of `is_foreground` means the object. ValueError if it says neither.

    A bool, 1, 0 or -1 (also as 1.0), or one of the words, whatever the case.
    """
    if isinstance(value, bool):
        return value
    if isinstance(value, int | float) and value in {0, 1, -1}:
        return value == 1
    word = value.strip().casefold() if isinstance(value, str) else ""
    if word in _OBJECT | _YES:
        return True
    if word in _BACKGROUND | _NO:
        return False
    raise ValueError(f"{value!r} says neither")


def is_background_label(label: str) -> bool:
    """Tell whether a label means the background: `Background`, `neg`, `0`, `false`, also numbered: `negative_2`."""
    word = label.strip().casefold()
    return word in _BACKGROUND | _NO or _COUNTED.sub("", word) in _BACKGROUND


def is_object_label(label: str) -> bool:
    """Tell whether a label says only that a point is on the object: `Positive`, `fg`, `1`, also numbered: `pos 2`."""
    return bool(label.strip()) and not (is_background_label(label) or names_an_object(label))


def names_an_object(label: str) -> bool:
    """Tell whether a label is more than a word for object or background."""
    word = label.strip().casefold()
    known = _OBJECT | _BACKGROUND
    return bool(word) and word not in known | _YES | _NO and _COUNTED.sub("", word) not in known


def is_background_by(attributes: Mapping[str, str]) -> bool:
    """Tell whether the attributes of a point mean the background.

    Either a value is a word for it, whatever the attribute, or an attribute is called by such a word and is true, or is
    called by a word for the object (`positive`, `is_foreground`) and is false.
    """
    for name, value in attributes.items():
        asked, word = name.strip().casefold().removeprefix("is_"), value.strip().casefold()
        if word in _BACKGROUND:
            return True
        if (asked in _BACKGROUND and word in _YES) or (asked in _OBJECT and word in _NO):
            return True
    return False
