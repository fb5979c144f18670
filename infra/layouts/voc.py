"""PASCAL VOC: `JPEGImages/`, and in `SegmentationObject/` palette PNGs whose index is the instance, 255 ignored.

The index is read, never the colour: in grey, indices collide (1 and 16, for instance), so
an image turned to grey has fewer objects than it was drawn with.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial

from infra.layouts.folder import files_by_stem
from infra.layouts.layout import LayoutOptions
from infra.layouts.layout_errors import wrong_layout
from infra.layouts.mask_file import decode_mask
from infra.layouts.pairs import PairedFiles, read_pairs
from infra.layouts.split import listed_stems
from infra.shards.sample import QuarantinedSample, Sample
from infra.storage.files import Storage, join

_IGNORE = 255
_LISTS = "ImageSets/Segmentation"


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[Sample | QuarantinedSample]:
    """Read every image that has a mask (most of VOC's have none), or those of a list.

    A split is a list in `ImageSets/Segmentation` (`train`, `val`, `trainval`), or any other list.

    Raises:
        LayoutError: there are no masks or no images, or the split has no list.

    """
    files = PairedFiles(
        images=files_by_stem(storage, join(source_url, "JPEGImages")),
        masks=files_by_stem(storage, join(source_url, "SegmentationObject")),
    )
    if not files.images or not files.masks:
        expected = "palette PNGs in SegmentationObject/ and images in JPEGImages/"
        raise wrong_layout("voc", source_url, storage, expected)
    keys = list(files.masks)
    if options.split is not None:
        listed_here = storage.exists(join(source_url, _LISTS, f"{options.split}.txt"))
        lists_url = join(source_url, _LISTS) if listed_here else source_url
        keys = listed_stems(lists_url, storage, options.split)
    mask_values = options.mask_values or "instances"
    ignore_value = _IGNORE if options.ignore_value is None else options.ignore_value
    decode = partial(decode_mask, mask_values=mask_values)
    yield from read_pairs(keys, files, storage, decode, mask_values=mask_values, ignore_value=ignore_value)
