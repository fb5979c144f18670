"""The images of a run, found by what another program calls them."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TypeAlias

from infra.errors import LabelImportError
from infra.exports.file_name import path_of_key
from infra.layouts.coco_names import composed, spellings_of
from infra.shards.file_names import picture_suffixes

_HASH_OF_A_TWIN = re.compile(r"~~[0-9a-f]{32}$")
_Parts: TypeAlias = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class KnownImage:
    """The sample of a run: its key, and the size of its image in upright pixels."""

    key: str
    height: int
    width: int


class KnownImages:
    """Images by sample key, or by the name of a file; what was found by its name alone is counted, what was not, kept.

    Attributes:
        named: keys of the images that were found by the name of their file.
        unknown: what the file calls the images that the run does not have.
    """

    def __init__(self, images: Iterable[KnownImage]) -> None:
        self._by_key = {image.key: image for image in images}
        self._by_base: dict[str, list[tuple[_Parts, KnownImage]]] = defaultdict(list)
        for image in self._by_key.values():
            parts = tuple(composed(path_of_key(image.key)).split("/"))
            self._by_base[parts[-1]].append((parts, image))
        self.named: set[str] = set()
        self.unknown: dict[str, None] = {}

    def find(self, key: str, name: str, place: str) -> KnownImage | None:
        """Return the image with a sample key or, if the file has none, of a file name; None if the run has no such one.

        A name is that of an export: the path of the key (`file_name.py`) with any suffix of a picture. Folders before
        it, and what Label Studio puts before uploads, do not count; folders may lack if the rest names one image.

        Args:
            key: what the file says of the sample key; empty if it does not.
            name: what it calls the image file.
            place: for messages.

        Raises:
            LabelImportError: the name may mean several images.
        """
        if key:
            found = self._by_key.get(key)
        else:
            found = self._by_name(name, place)
            if found is not None:
                self.named.add(found.key)
        if found is None:
            self.unknown[key or name] = None
        return found

    def check_size(self, image: KnownImage, height: int, width: int, place: str) -> None:
        """Raise LabelImportError if the file has an image in another size than the run."""
        if (height, width) == (image.height, image.width):
            return
        raise LabelImportError(
            f"{place} has {height} x {width} pixels, and sample {image.key!r} of the run {image.height} x "
            f"{image.width} (height x width): label the image in the size and orientation that the run has"
        )

    def _by_name(self, name: str, place: str) -> KnownImage | None:
        for spelling in spellings_of(name):
            *folders, base = (composed(part) for part in spelling.parts)
            for stem in _stems(base):
                found = self._of_path((*folders, stem))
                if len(found) > 1:
                    keys = ", ".join(repr(image.key) for image in found[:3])
                    raise LabelImportError(
                        f"{place}: the image {name!r} may be that of {len(found)} samples ({keys}): export again with "
                        "the folders of the names, or with sample_key"
                    )
                if found:
                    return found[0]
        return None

    def _of_path(self, path: _Parts) -> list[KnownImage]:
        """The images that a path may mean: those with the longest path that it ends with, else all that end with it."""
        candidates = self._by_base.get(path[-1], ())
        ends = [(parts, image) for parts, image in candidates if path[-len(parts) :] == parts]
        if ends:
            longest = max(len(parts) for parts, _ in ends)
            return [image for parts, image in ends if len(parts) == longest]
        return [image for parts, image in candidates if parts[-len(path) :] == path]


def _stems(base: str) -> list[str]:
    """What the last part of a path may be called without its suffix, the most literal first."""
    stem, dot, suffix = base.rpartition(".")
    plain = [stem] if dot and f".{suffix.lower()}" in picture_suffixes() else []
    named = [*plain, base]
    return [*named, *(_HASH_OF_A_TWIN.sub("", one) for one in named if _HASH_OF_A_TWIN.search(one))]
