"""From the name that a click log has for an image to the key of its sample."""

from __future__ import annotations

from pathlib import PurePosixPath
from urllib.parse import unquote

from infra.layouts.coco_names import composed, spellings_of
from infra.shards.file_names import picture_suffixes

_IMAGE_FOLDERS = frozenset({"images", "JPEGImages"})


def key_of_image(name: str) -> str:
    """Return the key that `mfp shard` gives an image file, as far as its name alone tells, with composed letters.

    The suffix of a picture is taken off. Folders stay, but for what leads to a folder `images` or `JPEGImages`, and for
    a first folder `data`. Of a URL or an absolute path without such a folder only the base name stays.
    """
    spelling = next(spellings_of(unquote(name) if "://" in name else name))
    *folders, base = spelling.parts
    last = max((index for index, folder in enumerate(folders) if folder in _IMAGE_FOLDERS), default=-1)
    if last >= 0:
        folders = folders[last + 1 :]
    elif spelling.is_foreign:
        folders = []
    elif folders[:1] == ["data"]:
        folders = folders[1:]
    suffix = PurePosixPath(base).suffix
    stem = base.removesuffix(suffix) if suffix.lower() in picture_suffixes() else base
    return composed("/".join((*folders, stem)))
