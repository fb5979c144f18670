"""A guess at what a mistyped name was meant to be."""

from __future__ import annotations

from collections.abc import Iterable
from difflib import get_close_matches


def did_you_mean(name: str, known: Iterable[str]) -> str:
    """A question in brackets about the most alike of the known names; empty if none is alike."""
    alike = get_close_matches(name.lower(), list(known), n=1, cutoff=0.6)
    return f" (did you mean {alike[0]}?)" if alike else ""
