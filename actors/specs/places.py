"""Paths and URLs as a job keeps them."""

from __future__ import annotations

from pathlib import Path

from infra.storage.locations import expand_home


def absolute(place: str) -> str:
    """A local path that also holds in the working directory of a worker, with the home folder for `~`; URLs stay.

    Raises:
        StorageError: there is no such home folder.

    """
    expanded = expand_home(place)
    return expanded if "://" in expanded else str(Path(expanded).absolute())


def is_there(text: str) -> bool:
    """Whether a text is the path of a file or folder that exists on this machine."""
    try:
        return bool(text) and "://" not in text and Path(text).exists()
    except OSError:  # too long for a name
        return False


def is_place(text: str) -> bool:
    """Whether a text that may be anything is the path of something that exists: words and numbers never are."""
    return ("/" in text or bool(Path(text).suffix)) and is_there(text)


def is_in_home(text: str) -> bool:
    """Whether a text that may be anything is a path in the home folder."""
    return text == "~" or text.startswith("~/")
