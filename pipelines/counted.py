"""Numbers of things in words."""

from __future__ import annotations


def counted(number: int, thing: str) -> str:
    """`1 object`, `2 objects`, `1,000 objects` for a thing whose plural ends in s."""
    return f"{number:,} {thing}{'s' * (number != 1)}"
