"""A source as a whole: whether it is a folder, and which folders in it have files, for whoever misses one."""

from __future__ import annotations

from pathlib import PurePosixPath

from infra.errors import LayoutError
from infra.shards.file_names import image_suffixes, is_hidden
from infra.storage.files import Storage, relative_to

_MOST_SHOWN = 3


def check_source(source_url: str, storage: Storage) -> None:
    """Raise LayoutError if a source is a file, or not there."""
    if storage.is_dir(source_url):
        return
    if storage.exists(source_url):
        raise LayoutError(
            f"{source_url} is a file, and a source is a folder: unpack it if it is an archive, else give the folder "
            "that it lies in"
        )
    raise LayoutError(
        f"there is no folder {source_url}: SOURCE is the folder or bucket that holds your files"
    )


def folders_with_images(source_url: str, storage: Storage, expected: str) -> list[str]:
    """Return the folders in a source, other than `expected`, below which images lie, sorted; "" is the source itself.

    The whole source is listed, so this is for whoever misses a folder.
    """
    found: set[str] = set()
    for url in storage.walk(source_url):
        path = PurePosixPath(relative_to(url, source_url))
        if not is_hidden(path) and path.suffix.lower() in image_suffixes():
            found.add(path.parts[0] if len(path.parts) > 1 else "")
    return sorted(found - {expected})


def named(folders: list[str]) -> str:
    """Name folders for a person: `mask/, Masks/, ...`."""
    more = ", ..." if len(folders) > _MOST_SHOWN else ""
    return (
        ", ".join(f"{folder}/" if folder else "the source itself" for folder in folders[:_MOST_SHOWN]) + more
    )
