"""Any text as a scalar of YAML."""

from __future__ import annotations

import json
import re

_NOT_PRINTABLE = re.compile(
    "[^\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]"
)


def yaml_text(text: str) -> str:
    """Return a text in double quotes, on one line, as YAML 1.1 and 1.2 read it.

    JSON's quotes and escapes are YAML's too; beyond those YAML wants characters escaped that it calls not printable
    (section 5.1), and breaks lines at some that JSON leaves.
    """
    quoted = json.dumps(text, ensure_ascii=False)
    return _NOT_PRINTABLE.sub(lambda match: f"\\u{ord(match[0]):04x}", quoted)
