"""Pictures in terminals that show them."""

from __future__ import annotations

import base64
from collections.abc import Mapping

_KITTY = ("kitty", "ghostty")
_ITERM = ("iterm.app", "wezterm")
_CHUNK = 4096  # of base64, as the kitty protocol allows


def shows_pictures(environment: Mapping[str, str]) -> bool:
    """Whether the terminal that the environment names is known to show pictures."""
    return any(name in _names(environment) for name in (*_KITTY, *_ITERM))


def picture_escape(png: bytes, environment: Mapping[str, str]) -> str:
    """The text that draws a PNG in the terminal which the environment names.

    The protocols: https://sw.kovidgoyal.net/kitty/graphics-protocol/ and https://iterm2.com/documentation-images.html
    """
    assert shows_pictures(environment), "asked before"
    data = base64.b64encode(png).decode()
    if any(name in _names(environment) for name in _KITTY):
        chunks = [data[first : first + _CHUNK] for first in range(0, len(data), _CHUNK)]
        heads = ["a=T,f=100," if place == 0 else "" for place in range(len(chunks))]
        return "".join(
            f"\x1b_G{head}m={int(place < len(chunks) - 1)};{chunk}\x1b\\"
            for place, (head, chunk) in enumerate(zip(heads, chunks, strict=True))
        )
    return f"\x1b]1337;File=inline=1;size={len(png)}:{data}\x07"


def _names(environment: Mapping[str, str]) -> str:
    return f"{environment.get('TERM', '')} {environment.get('TERM_PROGRAM', '')}".lower()
