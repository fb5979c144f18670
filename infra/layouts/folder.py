"""A folder with `images/` and `masks/`, files of the same stem; without `masks/` for logged clicks."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from infra.errors import LayoutError, Reason
from infra.layouts.layout import LayoutOptions, SourceItem
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from infra.layouts.pairs import PairedFiles, read_pairs
from infra.layouts.read_ahead import read_in_order
from infra.layouts.source_files import image_notes, list_images, only_file, read_image
from infra.layouts.split import chosen_stems
from infra.shards.sample import Sample
from infra.storage.files import Storage, join


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
    """Read the samples of a folder; a key is the path of the image below `images/` without its suffix.

    Raises:
        LayoutError: there is no image in `images/`, the split has no list, or values of masks were named and there are
            no masks.

    """
    images = list_images(storage, join(source_url, "images"))
    yield from images.notes
    if not images.by_stem:
        raise LayoutError(
            f"no image under {join(source_url, 'images')}: layout folder expects images/, and masks/ with "
            "files of the same stems unless clicks are logged"
        )
    if not storage.is_dir(join(source_url, "masks")):
        if options.names_mask_values:
            raise LayoutError(
                f"{source_url} has no folder masks/, so that options on mask values have no meaning: leave them out"
            )
        stems, notes = chosen_stems(source_url, storage, options.split, list(images.by_stem), "images")
        yield from notes
        read_one = partial(_read_unmasked, files=images.by_stem, storage=storage, options=options)
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


def _read_unmasked(
    stem: str, *, files: Mapping[str, list[str]], storage: Storage, options: LayoutOptions
) -> Iterator[SourceItem]:
    image = read_image(only_file(stem, files, Reason.MISSING_IMAGE), storage, options.images)
    yield from image_notes(stem, image)
    yield Sample(stem, image.data, image.extension, image.height, image.width)
