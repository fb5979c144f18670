"""The files that every export has beside those of its format, and that no program takes for masks or boxes."""

from __future__ import annotations

from typing import Final

EXPORT_FILE: Final = "export.json"
"""Created last: a folder without it holds no whole export."""
CLAIM_FILE: Final = "unfinished.json"
"""Created first, by one export alone, and deleted before EXPORT_FILE is created."""
OBJECTS_FILE: Final = "objects.parquet"
OWN_FILES: Final = frozenset({CLAIM_FILE, EXPORT_FILE, OBJECTS_FILE})
