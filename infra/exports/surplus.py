"""What an export holds beyond what was written."""

from __future__ import annotations

from collections.abc import Iterator

from infra.errors import ExportError


def refuse_surplus(entries: Iterator[object], url: str) -> None:
    """Raise ExportError if a list of a file has entries left when all that was written has been read."""
    if next(entries, None) is not None:
        raise ExportError(
            f"{url} holds more than was written: somebody else writes to it; export again into another folder"
        )
