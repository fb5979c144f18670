"""Names of files for sample keys and object ids: safe on any disk, and different for different keys."""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

MAX_PART_BYTES = 200
"""Of one part of a path in UTF-8; disks take 255, and writers put suffixes behind it."""

_UNSAFE = re.compile(r'[\x00-\x1f\x7f-\x9f\u2028\u2029\ud800-\udfff<>:"|?*\\/~%#]')
_RESERVED = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|(com|lpt)[0-9¹²³]) *(\..*)?", re.IGNORECASE)
_FILE_SUFFIX = re.compile(r"\.(?=(jpe?g|png|webp|xml|txt|json|csv|parquet)$)", re.IGNORECASE)


class DistinctPaths:
    """Paths that no disk takes for one, for keys or ids that come one after the other.

    Disks of macOS and Windows take two names for one if they differ in case alone, or in how an accent is written.
    The first of such names stays as it is; a later one, or the same one again, ends in ~~ and a hash. Memory holds a
    hash of each, about 100 bytes: names that share one by chance are taken for such a pair, which does no harm.
    """

    def __init__(self) -> None:
        self._taken: set[bytes] = set()

    def of_key(self, key: str) -> str:
        """Return the path of a sample key; see `path_of_key`."""
        return self._distinct(path_of_key(key))

    def of_id(self, object_id: str) -> str:
        """Return the one part of an object id; see `part_of_id`."""
        return self._distinct(part_of_id(object_id))

    def _distinct(self, plain: str) -> str:
        *folders, last = plain.split("/")
        path = plain
        while (folded := _hash_of(_folded(path))) in self._taken:
            path = "/".join([*folders, _hashed(last, path)])
        self._taken.add(folded)
        return path


def path_of_key(key: str) -> str:
    """Return a relative path for a sample key: its slashes stay folders, and it never leaves the folder it is in.

    Characters that some disk, shell or URL does not take, and parts such as `..`, become ~XX, the bytes of their
    UTF-8 in hexadecimal. A part of more than MAX_PART_BYTES ends in ~~ and a hash of the whole. Different keys have
    different paths, but on a disk that ignores case: see `DistinctPaths`.
    """
    *folders, last = key.split("/")
    return "/".join([*(_folder(part) for part in folders), _part(last)])


def part_of_id(object_id: str) -> str:
    """Return one part of a path for an object id; a slash in it is escaped."""
    return _part(object_id)


def object_paths(image: str, object_ids: Sequence[str], extension: str) -> list[str]:
    """Return the paths of the files of an image's objects, in a folder of their own; no disk takes two for one.

    Args:
        image: path of the image: one of `DistinctPaths.of_key` with an extension.
        object_ids: those of the image, all different.
        extension: of the files, without a dot.
    """
    *folders, last = without_suffix(image).split("/")
    folder = "/".join([*folders, _as_folder(last)])
    paths = DistinctPaths()
    return [f"{folder}/{paths.of_id(object_id)}.{extension}" for object_id in object_ids]


def without_suffix(path: str) -> str:
    """Return the path of an image without its extension; dots of the key stay."""
    return str(PurePosixPath(path).with_suffix(""))


def _hash_of(text: str) -> bytes:
    return hashlib.blake2b(text.encode(), digest_size=8).digest()


def _folded(path: str) -> str:
    """Equal for paths that any disk takes for one.

    Disks compare with tables of their own, most of them simpler ones than these: decomposed, in capitals, and folded
    (Unicode 3.13, D145).
    """
    return unicodedata.normalize("NFD", unicodedata.normalize("NFD", path).upper().casefold())


def _folder(part: str) -> str:
    return _as_folder(_part(part))


def _as_folder(part: str) -> str:
    """A part that is a folder: it never ends as files do, so that no file is asked to be a folder too."""
    return _FILE_SUFFIX.sub(_escaped("."), part)


def _part(part: str) -> str:
    if not part:
        return "~"
    safe = _UNSAFE.sub(lambda match: _escaped(match[0]), part)
    if safe[0] in ". -" or _RESERVED.fullmatch(safe):
        safe = _escaped(safe[0]) + safe[1:]
    if safe[-1] in ". ":
        safe = safe[:-1] + _escaped(safe[-1])
    return safe if len(safe.encode()) <= MAX_PART_BYTES else _hashed(safe, safe)


def _hashed(part: str, whole: str) -> str:
    """A part, or its beginning if it is long, with a hash behind it of what it stands for."""
    end = f"~~{hashlib.sha256(whole.encode()).hexdigest()[:32]}"
    return part.encode()[: MAX_PART_BYTES - len(end)].decode("utf-8", "ignore") + end


def _escaped(text: str) -> str:
    return "".join(f"~{byte:02X}" for byte in text.encode("utf-8", "surrogatepass"))
