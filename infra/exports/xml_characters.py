"""Characters that XML has no way to write."""

from __future__ import annotations

import re

from infra.errors import ExportError

_LACKED = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")


def refuse_what_xml_lacks(text: str, what: str, format_name: str) -> None:
    """Raise ExportError if a text has a character that XML 1.0 (section 2.2, Char) has no way to write."""
    found = _LACKED.search(text)
    if found is not None:
        raise ExportError(
            f"{what} has the character {found[0]!r}, and {format_name} is XML, which cannot hold it: rename it, or "
            "choose another format (coco)"
        )
