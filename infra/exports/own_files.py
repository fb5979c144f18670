"""The files that every export has beside those of its format, and that no program takes for masks or boxes."""

from __future__ import annotations

from typing import Final

BEGUN_FILE: Final = "export.begun"
"""Created first, deleted at the end: two exports do not write into one folder."""
EXPORT_FILE: Final = "export.json"
"""Created last: a folder without it holds no whole export."""
OBJECTS_FILE: Final = "objects.parquet"
OWN_FILES: Final = frozenset({BEGUN_FILE, EXPORT_FILE, OBJECTS_FILE})
