"""DAVIS: frames and masks of videos; any non-zero channel or palette index of a mask is object.

Two arrangements are read: the official one, `JPEGImages/480p/<sequence>/<frame>.jpg` with
`Annotations/480p/<sequence>/<frame>.png` (key `<sequence>/<frame>`), and the flat one of interactive
segmentation, `img/` with `gt/` and files of the same stems. For DAVIS 2017 choose mask values "instances".
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial

from infra.errors import LayoutError
from infra.layouts.layout import LayoutOptions, SourceItem
from infra.layouts.layout_errors import wrong_layout
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from infra.layouts.pairs import PairedFiles, read_pairs
from infra.layouts.source_files import list_images
from infra.layouts.source_note import SourceNote
from infra.layouts.split import listed_stems
from infra.storage.files import Storage, join

_ARRANGEMENTS = (("JPEGImages/480p", "Annotations/480p"), ("img", "gt"))
_LIST_FOLDERS = ("ImageSets/480p", "ImageSets/2016", "ImageSets/2017")


def read(source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
    """Read the frames of all sequences, or of a split.

    A split is a list in `ImageSets/480p`, `ImageSets/2016` or `ImageSets/2017` (the first that has it), or any
    other list; its lines are sequences, frames, or pairs of image and mask path as DAVIS 2016 has them.

    Raises:
        LayoutError: neither arrangement is there, or the split has no list.

    """
    files, notes = _find_files(source_url, storage)
    yield from notes
    keys = files.keys()
    if options.split is not None:
        keys = _frames_of_list(_read_list(source_url, storage, options.split), keys)
    decode = partial(read_mask, reading=MaskReading.of(options, mask_values="binary"))
    yield from read_pairs(keys, files, storage, decode, options.images)


def _find_files(source_url: str, storage: Storage) -> tuple[PairedFiles, tuple[SourceNote, ...]]:
    for image_folder, mask_folder in _ARRANGEMENTS:
        masks = list_images(storage, join(source_url, mask_folder))
        if not masks.by_stem:
            continue
        images = list_images(storage, join(source_url, image_folder))
        if images.by_stem:
            return PairedFiles(images.by_stem, masks.by_stem), images.notes + masks.notes
    expected = "masks in Annotations/480p/<sequence>/ (images in JPEGImages/480p/) or in gt/ (images in img/)"
    raise wrong_layout("davis", source_url, storage, expected)


def _read_list(source_url: str, storage: Storage, split: str) -> list[str]:
    for folder in _LIST_FOLDERS:
        if storage.exists(join(source_url, folder, f"{split}.txt")):
            return listed_stems(join(source_url, folder), storage, split)
    return listed_stems(source_url, storage, split)


def _frames_of_list(lines: Sequence[str], keys: Sequence[str]) -> list[str]:
    frames_of: dict[str, list[str]] = {}
    for key in keys:
        frames_of.setdefault(key.rpartition("/")[0], []).append(key)
    chosen: list[str] = []
    for line in lines:
        name = line
        if line.startswith("/JPEGImages/480p/"):
            name = line.split()[0].removeprefix("/JPEGImages/480p/").rpartition(".")[0]
        chosen += frames_of.get(name, [name])
    if not set(chosen) & set(keys):
        raise LayoutError(
            f"the split names {len(chosen)} frames, such as {chosen[0]}, and none of them is there"
        )
    return chosen
