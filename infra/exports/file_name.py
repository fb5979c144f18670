"""Names of files for sample keys and object ids: safe on any disk, and different for different keys."""

from __future__ import annotations

import re
from pathlib import PurePosixPath

_UNSAFE = re.compile(r'[\x00-\x1f\x7f<>:"|?*\\~%#]')
_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)


def path_of_key(key: str) -> str:
    """Return a relative path for a sample key: its slashes stay folders, and it never leaves the folder it is in.

    Characters that some disk, shell or URL does not take, and parts such as `..`, become ~XX, the bytes of their
    UTF-8 in hexadecimal. Different keys have different paths.
    """
    return "/".join(_part(part) for part in key.split("/"))


def part_of_id(object_id: str) -> str:
    """Return one part of a path for an object id, which has no slash in it."""
    return _part(object_id.replace("~", _escaped("~")).replace("/", _escaped("/")), keeps="~")


def image_path(key: str, extension: str) -> str:
    """Return the path of the image of a sample; `extension` has no dot."""
    return f"{path_of_key(key)}.{extension}"


def without_suffix(path: str) -> str:
    """Return a path of `image_path` without its extension; dots of the key stay."""
    return str(PurePosixPath(path).with_suffix(""))


def _part(part: str, keeps: str = "") -> str:
    if not part:
        return "~"
    safe = _UNSAFE.sub(lambda match: match[0] if match[0] in keeps else _escaped(match[0]), part)
    if safe[0] in ". -" or _RESERVED.fullmatch(safe):
        safe = _escaped(safe[0]) + safe[1:]
    if safe[-1] in ". ":
        safe = safe[:-1] + _escaped(safe[-1])
    return safe


def _escaped(text: str) -> str:
    return "".join(f"~{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
