"""DAVIS: frames and masks of videos; any non-zero channel or palette index of a mask is object.

Two arrangements are read: the official one, `JPEGImages/480p/<sequence>/<frame>.jpg` with
`Annotations/480p/<sequence>/<frame>.png` (key `<sequence>/<frame>`), and the flat one of interactive
segmentation, `img/` with `gt/` and files of the same stems. For DAVIS 2017 choose mask values "instances".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from infra.layout_options import LayoutOptions
from infra.layouts.layout import SourceItem
from infra.layouts.layout_errors import wrong_layout
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from infra.layouts.pairs import PairedFiles, read_pairs
from infra.layouts.source_files import list_images
from infra.layouts.source_note import SourceNote
from infra.layouts.split import chosen_stems
from infra.storage.files import Storage, join

_ARRANGEMENTS = (("JPEGImages/480p", "Annotations/480p"), ("img", "gt"))
_LIST_FOLDERS = ("ImageSets/480p", "ImageSets/2016", "ImageSets/2017")


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
    """Read the frames of all sequences, or of a split.

    A split is a list in `ImageSets/480p`, `ImageSets/2016` or `ImageSets/2017` (the first that has it), or any
    other list; its lines are sequences, frames, or paths of either, alone or with that of the mask as in DAVIS 2016.

    Raises:
        LayoutError: neither arrangement is there, or the split has no list.

    """
    image_folder, files, notes = _find_files(source_url, storage)
    yield from notes
    keys = files.keys()
    if options.split is not None:
        lists_url = _folder_of_list(source_url, storage, options.split)
        frames_of = _frames_by_sequence(keys)
        names, notes = chosen_stems(lists_url, storage, options.split, [*frames_of, *keys], image_folder)
        yield from notes
        keys = [key for name in names for key in frames_of.get(name, [name])]
    decode = partial(read_mask, reading=MaskReading.of(options, mask_values="binary"))
    yield from read_pairs(keys, files, storage, decode, options.images)


def _find_files(source_url: str, storage: Storage) -> tuple[str, PairedFiles, tuple[SourceNote, ...]]:
    """Return the folder of the images below the source, the files, and what is to be told of them."""
    for image_folder, mask_folder in _ARRANGEMENTS:
        masks = list_images(storage, join(source_url, mask_folder))
        if not masks.by_stem:
            continue
        images = list_images(storage, join(source_url, image_folder))
        if images.by_stem:
            return image_folder, PairedFiles(images.by_stem, masks.by_stem), images.notes + masks.notes
    expected = "masks in Annotations/480p/<sequence>/ (images in JPEGImages/480p/) or in gt/ (images in img/)"
    raise wrong_layout("davis", source_url, storage, expected)


def _folder_of_list(source_url: str, storage: Storage, split: str) -> str:
    for folder in _LIST_FOLDERS:
        if storage.exists(join(source_url, folder, f"{split}.txt")):
            return join(source_url, folder)
    return source_url


def _frames_by_sequence(keys: Sequence[str]) -> dict[str, list[str]]:
    frames_of: dict[str, list[str]] = {}
    for key in keys:
        sequence, slash, _ = key.rpartition("/")
        if slash:
            frames_of.setdefault(sequence, []).append(key)
    return frames_of
