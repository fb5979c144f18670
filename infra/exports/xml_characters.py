"""Characters that XML has no way to write."""

from __future__ import annotations

import re

from infra.errors import ExportError

READ_BACK = "\t\n\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff"
"""What XML 1.0 can write (section 2.2, Char) and readers give back, as a class of a regular expression has it.

A carriage return can be written, but readers turn it into a line feed (section 2.11).
"""
_LACKED = re.compile(f"[^\r{READ_BACK}]")


def refuse_what_xml_lacks(text: str, what: str, format_name: str) -> None:
    """Raise ExportError if a text has a character that XML 1.0 (section 2.2, Char) has no way to write."""
    found = _LACKED.search(text)
    if found is not None:
        raise ExportError(
            f"{what} has the character {found[0]!r}, and {format_name} is XML, which cannot hold it: rename it, or "
            "choose another format (coco)"
        )
