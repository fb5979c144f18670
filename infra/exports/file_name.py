"""Names of files for sample keys and object ids: safe on any disk, and different for different keys."""

from __future__ import annotations

import hashlib
import re
from pathlib import PurePosixPath

MAX_PART_BYTES = 200
"""Of one part of a path in UTF-8; disks take 255, and writers put suffixes behind it."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>:"|?*\\/~%#]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_FILE_SUFFIX = re.compile(r"\.(?=(jpe?g|png|webp|xml|txt|json|csv|parquet)$)", re.IGNORECASE)


def path_of_key(key: str) -> str:
    """Return a relative path for a sample key: its slashes stay folders, and it never leaves the folder it is in.

    Characters that some disk, shell or URL does not take, and parts such as `..`, become ~XX, the bytes of their
    UTF-8 in hexadecimal. A part of more than MAX_PART_BYTES ends in ~~ and a hash of the whole. Different keys have
    different paths; on a disk that ignores case, keys that differ in nothing else do not.
    """
    *folders, last = key.split("/")
    return "/".join([*(_folder(part) for part in folders), _part(last)])


def part_of_id(object_id: str) -> str:
    """Return one part of a path for an object id; a slash in it is escaped."""
    return _part(object_id)


def image_path(key: str, extension: str) -> str:
    """Return the path of the image of a sample; `extension` has no dot."""
    return f"{path_of_key(key)}.{extension}"


def object_path(key: str, object_id: str, extension: str) -> str:
    """Return the path of a file of one object, in a folder of its sample; `extension` has no dot."""
    folders = "/".join(_folder(part) for part in key.split("/"))
    return f"{folders}/{part_of_id(object_id)}.{extension}"


def without_suffix(path: str) -> str:
    """Return a path of `image_path` without its extension; dots of the key stay."""
    return str(PurePosixPath(path).with_suffix(""))


def _folder(part: str) -> str:
    """A part that is a folder: it never ends as files do, so that no file is asked to be a folder too."""
    return _FILE_SUFFIX.sub(_escaped("."), _part(part))


def _part(part: str) -> str:
    if not part:
        return "~"
    safe = _UNSAFE.sub(lambda match: _escaped(match[0]), part)
    if safe[0] in ". -" or _RESERVED.fullmatch(safe):
        safe = _escaped(safe[0]) + safe[1:]
    if safe[-1] in ". ":
        safe = safe[:-1] + _escaped(safe[-1])
    encoded = safe.encode()
    if len(encoded) <= MAX_PART_BYTES:
        return safe
    end = f"~~{hashlib.sha256(encoded).hexdigest()[:32]}"
    return encoded[: MAX_PART_BYTES - len(end)].decode("utf-8", "ignore") + end


def _escaped(text: str) -> str:
    return "".join(f"~{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
