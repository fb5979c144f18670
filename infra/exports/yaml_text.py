"""Any text as a scalar of YAML."""

from __future__ import annotations

import re

_ESCAPED = re.compile(r'[^\x20-\x7e]|["\\]')


def yaml_text(text: str) -> str:
    """Return a text in double quotes, in ASCII on one line: some readers open files in the encoding of their system.

    Every other character becomes its number in hexadecimal (YAML 1.1 and 1.2, section 5.7).
    """
    return f'"{_ESCAPED.sub(lambda match: _number(match[0]), text)}"'


def _number(character: str) -> str:
    if character in '"\\':
        return f"\\{character}"
    number = ord(character)
    return f"\\u{number:04X}" if number < 0x10000 else f"\\U{number:08X}"
