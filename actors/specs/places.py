"""Paths and URLs as a job keeps them."""

from __future__ import annotations

from pathlib import Path

from infra.storage.locations import expand_home


def absolute(place: str) -> str:
    """A local path that also holds in the working directory of a worker, with the home folder for `~`; URLs stay.

    Raises:
        StorageError: there is no such home folder.

    """
    return place if "://" in place else str(Path(expand_home(place)).absolute())


def absolute_if_there(text: str) -> str:
    """As `absolute` for a text that may be a path; what names nothing that is there, and no home folder, stays."""
    return absolute(text) if text.startswith("~/") or is_there(text) else text


def may_be_path(text: str) -> bool:
    """Whether a text has a slash or an extension, and is not a word or a whole number."""
    return "/" in text or bool(Path(text).suffix)


def is_there(text: str) -> bool:
    """Whether a text is the path of a file or folder that exists on this machine."""
    try:
        return bool(text) and "://" not in text and Path(text).exists()
    except OSError:  # too long for a name
        return False
