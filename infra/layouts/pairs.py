"""Sources in which an image and a mask file of the same stem belong together."""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property

from infra.errors import Reason, SampleError
from infra.layouts.layout import SourceItem
from infra.layouts.mask_file import MaskDecoder, samples_of_mask
from infra.layouts.read_ahead import read_in_order
from infra.layouts.source_files import image_notes, only_file, read_image, read_listed
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.image_reading import ImageReading
from infra.storage.files import Storage

SEPARATORS = "_-. "
"""Before what a name adds to the stem that it continues."""

_NO_IMAGE = "masks without an image of their stem"
_NO_MASK = "images without a mask of their stem"


@dataclass(frozen=True)
class PairedFiles:
    """The files of a source: key of a sample, to the URLs of its image and of its mask (one each, if all is well).

    `notes` say how names were paired, if it was not by the same stem.
    """

    images: Mapping[str, list[str]]
    masks: Mapping[str, list[str]]
    notes: tuple[SourceNote, ...] = ()

    @classmethod
    def by_name(cls, images: Mapping[str, list[str]], masks: Mapping[str, list[str]]) -> PairedFiles:
        """Pair files of the same stem; if there are none, masks that all continue the stem of an image alike.

        `a_mask.png`, `b_mask.png` belong to `a.jpg`, `b.jpg` if no mask is called as an image is.
        """
        if images.keys() & masks.keys():
            return cls(images, masks)
        ending = _common_ending(images, masks)
        if not ending:
            return cls(images, masks)
        text = f"masks paired with the image whose stem they continue with {ending!r}, since none has the same stem"
        renamed: dict[str, list[str]] = {}
        notes: list[SourceNote] = []
        for stem, urls in masks.items():
            without = stem.removesuffix(ending)
            key = without if without in images else stem
            if key != stem:
                notes.append(SourceNote(Topic.READ, text, key))
            renamed.setdefault(key, []).extend(urls)
        return cls(images, renamed, tuple(notes))

    def keys(self) -> list[str]:
        """Return the keys that have an image, a mask or both, sorted: a lonely file is to be heard of."""
        return sorted(self.images.keys() | self.masks.keys())

    def masks_without_image(self) -> Iterator[SourceNote]:
        """Tell of the masks that no image belongs to."""
        for stem in self.masks:
            if stem not in self.images:
                yield SourceNote(Topic.LEFT_OUT, _NO_IMAGE, stem)

    def images_without_mask(self) -> Iterator[SourceNote]:
        """Tell of the images that no mask belongs to."""
        for stem in self.images:
            if stem not in self.masks:
                yield SourceNote(Topic.LEFT_OUT, _NO_MASK, stem)

    def mask_of(self, key: str) -> str:
        """Return the URL of the one mask of a sample.

        Raises:
            SampleError: there is none, or several; masks whose names are nearly right are named.

        """
        if key in self.masks:
            return only_file(key, self.masks, Reason.MISSING_MASK)
        alike = self._alike(key)
        hint = f"; {', '.join(sorted(alike)[:3])} would have to be called {key}" if alike else ""
        raise SampleError(Reason.MISSING_MASK, f"no mask with the stem {key}{hint}")

    def _alike(self, key: str) -> list[str]:
        """Return the stems of masks that differ from a key in case, or continue it."""
        stems = self._sorted_masks
        found = []
        for position in range(bisect_left(stems, key), len(stems)):
            if not stems[position].startswith(key):
                break
            if stems[position][len(key) : len(key) + 1] in SEPARATORS:
                found.append(stems[position])
        return found + self._masks_by_lower_case.get(key.lower(), [])

    @cached_property
    def _sorted_masks(self) -> list[str]:
        return sorted(self.masks)

    @cached_property
    def _masks_by_lower_case(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for stem in self.masks:
            found.setdefault(stem.lower(), []).append(stem)
        return found


def read_pairs(
    keys: Iterable[str],
    files: PairedFiles,
    storage: Storage,
    decode: MaskDecoder,
    images: ImageReading,
) -> Iterator[SourceItem]:
    """Read the pairs in the order of the keys.

    Args:
        keys: samples to read.
        files: where their images and masks are.
        storage: opens them.
        decode: bytes of a mask file to its pixels; may raise SampleError.
        images: how image files are understood.

    """

    def read_one(key: str) -> Iterator[SourceItem]:
        image = read_image(only_file(key, files.images, Reason.MISSING_IMAGE), storage, images)
        mask = decode(read_listed(files.mask_of(key), storage, Reason.MISSING_MASK))
        yield from image_notes(key, image)
        yield from samples_of_mask(key, image, mask)

    yield from read_in_order(keys, read_one)


def _common_ending(images: Mapping[str, list[str]], masks: Mapping[str, list[str]]) -> str:
    """Return what most masks have behind the stem of an image, such as `_mask`; "" if there is no such thing."""
    endings: Counter[str] = Counter()
    for stem in masks:
        for position, letter in enumerate(stem):
            if letter in SEPARATORS and stem[:position] in images:
                endings[stem[position:]] += 1
    if not endings:
        return ""
    ending, count = endings.most_common(1)[0]
    return ending if 2 * count > len(masks) else ""
