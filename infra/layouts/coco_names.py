"""The names that annotation tools write for an image, as paths to look for below a source."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import PurePosixPath
from urllib.parse import unquote

_URL = re.compile(r"([a-z][a-z0-9+.-]+)://[^/]*(/.*)?", re.IGNORECASE | re.DOTALL)
_DRIVE = re.compile(r"[A-Za-z]:(?=/)")
_OF_LABEL_STUDIO = re.compile(r"[0-9a-f]{4,32}-(?=.)")
_SUFFIXES_ALIKE = {".jpeg": ".jpg", ".jpe": ".jpg", ".jfif": ".jpg", ".tiff": ".tif"}
_BACKSLASHES = r"paths with \ between folders, as Windows writes them"
_FOREIGN = "absolute paths, URLs and paths with .. : found below the source by their end"
_ESCAPED = "names with %20 and the like: decoded"
_UPLOAD = "Label Studio's uploads (ab12cd34-x.jpg): found without what it put before the name"


@dataclass(frozen=True)
class Spelling:
    """A way to read a name.

    parts: folders and base name, at least one; never `..`.
    is_foreign: the path begins at a place outside the source, so that its first folders say nothing.
    is_renamed: the base name is not what the file says.
    texts: what is to be told if the image is found so.
    """

    parts: tuple[str, ...]
    is_foreign: bool
    is_renamed: bool
    texts: tuple[str, ...]


def relative_path(name: str) -> str:
    """Return a name as a path below a folder, "" if it is none as it stands: absolute, a URL, or with `..`."""
    if name.startswith("/") or _URL.fullmatch(name):
        return ""
    parts = [part for part in name.split("/") if part not in {"", "."}]
    return "" if ".." in parts else "/".join(parts)


def is_absolute(name: str) -> bool:
    """Tell whether a name is an absolute path, of any system, or a URL."""
    path = name.replace("\\", "/")
    return path.startswith("/") or bool(_DRIVE.match(path) or _URL.fullmatch(path))


def spellings_of(name: str) -> Iterator[Spelling]:
    """Yield the ways to read a name, the most literal first."""
    written = _spelling(name)
    decoded = unquote(name)
    readings = [written] if decoded == name else [written, _with_text(_spelling(decoded), _ESCAPED)]
    yield from readings
    for reading in readings:
        *folders, base = reading.parts
        prefix = _OF_LABEL_STUDIO.match(base)
        if prefix:
            yield Spelling((*folders, base[prefix.end() :]), True, True, (*reading.texts, _UPLOAD))


def canonical(name: str) -> str:
    """Return a base name as it is compared last: composed, in one case, with one suffix for a format."""
    path = PurePosixPath(composed(name).casefold())
    return f"{path.stem}{_SUFFIXES_ALIKE.get(path.suffix, path.suffix)}"


def composed(name: str) -> str:
    """Return a name with composed letters (NFC)."""
    return unicodedata.normalize("NFC", name)


def _spelling(name: str) -> Spelling:
    texts = []
    path, is_foreign = name, False
    _, asks_for_local_file, local_path = path.partition("/local-files/?d=")
    url = _URL.fullmatch(path)
    if asks_for_local_file:  # Label Studio's local storage
        path, is_foreign = local_path.partition("&")[0], True
    elif url:
        path, is_foreign = re.split(r"[?#]", url[2] or "", maxsplit=1)[0] or name, True
    if "\\" in path:
        path = path.replace("\\", "/")
        texts.append(_BACKSLASHES)
    without_drive = _DRIVE.sub("", path, count=1) if _DRIVE.match(path) else path
    is_foreign = is_foreign or without_drive.startswith("/") or ".." in path.split("/")
    parts = tuple(part for part in without_drive.split("/") if part not in {"", ".", ".."})
    if is_foreign:
        texts.append(_FOREIGN)
    return Spelling(parts or (name,), is_foreign, False, tuple(texts))


def _with_text(spelling: Spelling, text: str) -> Spelling:
    return Spelling(spelling.parts, spelling.is_foreign, spelling.is_renamed, (*spelling.texts, text))
