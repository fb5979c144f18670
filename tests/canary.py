"""A secret that no file may repeat, and the search for it."""

from __future__ import annotations

from pathlib import Path

CANARY = "canary-7f3e91"


def files_with_canary(folder: Path) -> list[str]:
    """The files under a folder that hold the canary; sockets and what vanishes meanwhile are passed over."""
    found = []
    for path in folder.rglob("*"):
        if path.is_file() and not path.is_symlink() and CANARY.encode() in path.read_bytes():
            found.append(str(path))
    return found
