"""Starts from a folder of mask files, as layout `folder` reads them; or of folders with a file an object."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import partial

import numpy as np

from infra import rle
from infra.errors import LayoutError, Reason, SampleError, StartError
from infra.layout_options import LayoutOptions
from infra.layouts.mask_meaning import read_mask
from infra.layouts.mask_reading import MaskReading
from infra.layouts.pairs import PairedFiles
from infra.layouts.read_ahead import results_in_order
from infra.layouts.source_files import SourceFiles, list_images, only_file, read_listed
from infra.starts.sample_lookup import ByKey, ByMaskFile
from infra.starts.start_rows import RowBuffer, StartsRead
from infra.storage.files import Storage, join

_ONE_OBJECT = 1
_OPTION = re.compile(r"--(?=(?:mask-values|object-values|ignore-value)\b)")
_EMPTY = "mask files without an object, of which no value tells an id: nothing starts from them"


def find_mask_files(storage: Storage, url: str) -> SourceFiles:
    """List the mask files of a folder, or of `masks/` in it, by their paths in it without suffix.

    If `images/` is beside `masks/`, names are paired as layout `folder` pairs them.

    Raises:
        StartError: the folder has photographs in `images/` and no `masks/`.

    """
    if storage.is_dir(join(url, "masks")):
        masks = list_images(storage, join(url, "masks"))
        images = list_images(storage, join(url, "images"))
        paired = PairedFiles.by_name(images.by_stem, masks.by_stem)
        return SourceFiles(dict(paired.masks), (*masks.notes, *paired.notes))
    if storage.is_dir(join(url, "images")):
        raise StartError(
            f"{url} has images/ and no masks/, so it is no folder of masks: give the folder that holds them, or a JSON "
            "file"
        )
    return list_images(storage, url)


def read_mask_files(storage: Storage, url: str, files: SourceFiles, options: LayoutOptions) -> StartsRead:
    """Read mask files, a few at a time.

    Args:
        storage: opens them.
        url: of the folder, for a person.
        files: what `find_mask_files` returned.
        options: what their values mean, as for `mfp shard --layout folder`.

    Raises:
        StartError: a file does not decode, its values do not tell what is object, or two files have one key.

    """
    try:
        reading = MaskReading.of(options, mask_values="binary")
    except LayoutError as error:
        raise StartError(_for_starts(str(error))) from None
    stems = list(files.by_stem)
    urls = [", ".join(files.by_stem[stem]) for stem in stems]
    buffer = RowBuffer("masks", lambda number: urls[number])
    told: Counter[str] = Counter(note.text for note in files.notes)
    work = partial(_read, storage=storage, files=files, reading=reading)
    for number, (objects, remarks, height, width) in enumerate(results_in_order(stems, work)):
        told.update(remarks)
        if not objects:
            told[_EMPTY] += 1
        for object_id, counts in objects:
            buffer.add(number, stems[number], object_id, 0.0, counts, height, width)
    # a file of several objects is a whole sample, never one object in the folder of its sample
    lookup = ByMaskFile() if reading.mask_values == "binary" else ByKey()
    notices = tuple(f"masks {url}: {text} ({count:,})" for text, count in told.items())
    return StartsRead(list(buffer.parts()), lambda keys: lookup, notices)


def _read(
    stem: str, *, storage: Storage, files: SourceFiles, reading: MaskReading
) -> tuple[Sequence[tuple[str, bytes]], tuple[str, ...], int, int]:
    try:
        url = only_file(stem, files.by_stem, Reason.MISSING_MASK)
        mask = read_mask(read_listed(url, storage, Reason.MISSING_MASK), reading)
    except SampleError as error:
        raise StartError(f"{', '.join(files.by_stem[stem])}: {_for_starts(error.detail)}") from None
    values: Iterator[int] = iter(np.unique(mask.values[mask.values != 0]).tolist())
    if reading.mask_values == "binary":
        values = iter((_ONE_OBJECT,))  # also if no pixel is its
    objects = [(str(value), rle.encode(mask.values == value)) for value in values]
    remarks = tuple(map(_for_starts, (mask.meaning, *mask.doubts)))
    return objects, remarks, *mask.values.shape


def _for_starts(text: str) -> str:
    """Return what the layouts say with the options as they are called for starts: `--start-mask-values`."""
    return _OPTION.sub("--start-", text)
