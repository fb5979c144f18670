"""PASCAL VOC: `JPEGImages/`, and in `SegmentationObject/` palette PNGs whose index is the instance, 255 ignored.

The index is read, never the colour: in grey, indices collide (1 and 16, for instance), so
an image turned to grey has fewer objects than it was drawn with.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from infra.layout_options import LayoutOptions
from infra.layouts.layout import SourceItem
from infra.layouts.layout_errors import wrong_layout
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from infra.layouts.pairs import PairedFiles, read_pairs
from infra.layouts.source_files import list_images
from infra.layouts.split import chosen_stems
from infra.storage.files import Storage, join

_IGNORE = 255
_VOID_COLOUR = (224, 224, 192)  # of index 255, in masks that were saved in colours
_LISTS = "ImageSets/Segmentation"


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
    """Read every image that has a mask (most of VOC's have none), or those of a list.

    A split is a list in `ImageSets/Segmentation` (`train`, `val`, `trainval`), or any other list.

    Raises:
        LayoutError: there are no masks or no images, or the split has no list.

    """
    images = list_images(storage, join(source_url, "JPEGImages"))
    masks = list_images(storage, join(source_url, "SegmentationObject"))
    yield from images.notes + masks.notes
    files = PairedFiles(images.by_stem, masks.by_stem)
    if not files.images or not files.masks:
        expected = "palette PNGs in SegmentationObject/ and images in JPEGImages/"
        raise wrong_layout("voc", source_url, storage, expected)
    listed_here = options.split is not None and storage.exists(
        join(source_url, _LISTS, f"{options.split}.txt")
    )
    lists_url = join(source_url, _LISTS) if listed_here else source_url
    keys, notes = chosen_stems(lists_url, storage, options.split, list(files.masks), "JPEGImages")
    yield from notes
    if options.split is None:
        yield from files.images_without_mask()
    decode = partial(
        read_mask,
        reading=MaskReading.of(
            options, mask_values="instances", ignore_value=_IGNORE, void_colours=(_VOID_COLOUR,)
        ),
    )
    yield from read_pairs(keys, files, storage, decode, options.images)
