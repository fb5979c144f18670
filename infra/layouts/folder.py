"""A folder with `images/` and `masks/`, files of the same stem; without `masks/` for logged clicks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import partial

from infra.errors import LayoutError, Reason
from infra.layout_options import LayoutOptions
from infra.layouts.layout import SourceItem
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from infra.layouts.pairs import SEPARATORS, PairedFiles, read_pairs
from infra.layouts.read_ahead import read_in_order
from infra.layouts.source_files import image_notes, list_images, only_file, read_image
from infra.layouts.source_folder import folders_with_images, named
from infra.layouts.source_note import SourceNote, Topic
from infra.layouts.split import chosen_stems
from infra.shards.member_names import is_mask_of
from infra.shards.sample import Sample
from infra.storage.files import Storage, join

_NO_MASKS = "no folder masks/"
_MASK_AMONG = (
    "images called as another one and `_mask` or the like, taken for photographs: masks belong into masks/"
)


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
    """Read the samples of a folder; a key is the path of the image below `images/` without its suffix.

    Raises:
        LayoutError: there is no image in `images/`, the split has no list, or values of masks were named and there are
            no masks.

    """
    images = list_images(storage, join(source_url, "images"))
    yield from images.notes
    if not images.by_stem:
        others = folders_with_images(source_url, storage, "images")
        hint = f"; there are images in {named(others)}" if others else ""
        raise LayoutError(
            f"no image under {join(source_url, 'images')}: layout folder expects images/, and masks/ with "
            f"files of the same stems unless clicks are logged{hint}"
        )
    yield from _masks_among(images.by_stem)
    if not storage.is_dir(join(source_url, "masks")):
        absence = _absence_of_masks(source_url, storage)
        if options.names_mask_values:
            raise LayoutError(
                f"{source_url}: {absence.text}; so options on mask values have no meaning: leave them out"
            )
        stems, notes = chosen_stems(source_url, storage, options.split, list(images.by_stem), "images")
        yield from notes
        read_one = partial(
            _read_unmasked, files=images.by_stem, storage=storage, options=options, absence=absence
        )
        yield from read_in_order(stems, read_one)
        return
    masks = list_images(storage, join(source_url, "masks"))
    yield from masks.notes
    files = PairedFiles.by_name(images.by_stem, masks.by_stem)
    stems, notes = chosen_stems(source_url, storage, options.split, list(images.by_stem), "images")
    yield from notes
    if options.split is None:
        yield from files.masks_without_image()
    yield from files.notes
    decode = partial(read_mask, reading=MaskReading.of(options, mask_values="binary"))
    yield from read_pairs(stems, files, storage, decode, options.images)


def _masks_among(images: Mapping[str, list[str]]) -> Iterator[SourceNote]:
    """Doubt images that are called as another one and a word for masks."""
    for stem in images:
        if any(
            letter in SEPARATORS and stem[:position] in images and is_mask_of(stem, stem[:position])
            for position, letter in enumerate(stem)
        ):
            yield SourceNote(Topic.DOUBT, _MASK_AMONG, stem)


def _absence_of_masks(source_url: str, storage: Storage) -> SourceNote:
    """What is to be told of each image of a source without `masks/`; doubtful if other folders have images."""
    others = folders_with_images(source_url, storage, "images")
    if not others:
        return SourceNote(Topic.READ, f"{_NO_MASKS}: photographs without masks", source_url)
    text = f"{_NO_MASKS}, so the photographs are without; there are images in {named(others)}"
    return SourceNote(Topic.DOUBT, f"{text}: if they are the masks, call their folder masks/", source_url)


def _read_unmasked(
    stem: str,
    *,
    files: Mapping[str, list[str]],
    storage: Storage,
    options: LayoutOptions,
    absence: SourceNote,
) -> Iterator[SourceItem]:
    image = read_image(only_file(stem, files, Reason.MISSING_IMAGE), storage, options.images)
    yield from image_notes(stem, image)
    yield replace(absence, key=stem)
    yield Sample(stem, image.data, image.extension, image.height, image.width)
