"""Paths and URLs as a job keeps them."""

from __future__ import annotations

from pathlib import Path


def absolute(place: str) -> str:
    """A local path that also holds in the working directory of a worker; URLs stay."""
    return place if "://" in place else str(Path(place).absolute())
