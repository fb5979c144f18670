"""Which form a URL of starts has, and the starts read from it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import TypeAlias

from infra.errors import StartError, missing_start
from infra.layout_options import LayoutOptions
from infra.runs.run_directory import run_at
from infra.runs.tables import MASKS
from infra.starts.assembly import assemble
from infra.starts.coco_starts import read_coco
from infra.starts.mask_files import find_mask_files, read_mask_files
from infra.starts.parquet_boxes import read_parquet_boxes
from infra.starts.run_starts import read_run
from infra.starts.start_rows import StartsRead, files_at
from infra.starts.starts import StartKind, Starts
from infra.storage.files import Storage

_STANDARD = LayoutOptions()

ReadForm: TypeAlias = Callable[[Storage, str, LayoutOptions], StartsRead | None]
"""Reads what is at a URL; None if that is not of the form."""


def _run(storage: Storage, url: str, options: LayoutOptions) -> StartsRead | None:
    run = run_at(storage, url, MASKS)
    return None if run is None else read_run(run)


def _coco_masks(storage: Storage, url: str, options: LayoutOptions) -> StartsRead | None:
    files = files_at(storage, url, ".json")
    return read_coco(storage, files, url, "masks", options.crowd) if files else None


def _coco_boxes(storage: Storage, url: str, options: LayoutOptions) -> StartsRead | None:
    files = files_at(storage, url, ".json")
    return read_coco(storage, files, url, "boxes", options.crowd) if files else None


def _mask_files(storage: Storage, url: str, options: LayoutOptions) -> StartsRead | None:
    if storage.exists(url):
        return None  # a file, and these are a folder
    files = find_mask_files(storage, url)
    return read_mask_files(storage, url, files, options) if files.by_stem else None


def _parquet_boxes(storage: Storage, url: str, options: LayoutOptions) -> StartsRead | None:
    files = files_at(storage, url, ".parquet")
    return read_parquet_boxes(storage, files) if files else None


FORMS: Mapping[StartKind, Mapping[str, ReadForm]] = {
    "masks": {
        "the directory of a run": _run,
        "a JSON file of COCO or a folder of such": _coco_masks,
        "a folder of mask files (KEY.png, or KEY/OBJECT.png)": _mask_files,
    },
    "boxes": {
        "a Parquet file or a folder of such": _parquet_boxes,
        "a JSON file of COCO or a folder of such": _coco_boxes,
    },
}
"""The forms of each kind by what a person calls them; the first that a URL has is taken."""


def load_masks(storage: Storage, url: str, options: LayoutOptions = _STANDARD) -> Starts:
    """Read the masks at a URL; `options` say what the values of mask files mean, and whether crowd regions of
    COCO are objects, as for the layouts.

    Raises:
        StartError: one line with the file, the place, the value, the rule and the remedy.
        RunDirectoryError: it is a run, and a part of it is broken.
        StorageError: a file that cannot be read.

    """
    return _load(storage, url, "masks", options)


def load_boxes(storage: Storage, url: str, options: LayoutOptions = _STANDARD) -> Starts:
    """Read the boxes at a URL; of the options it heeds `crowd`. Raises as `load_masks`."""
    return _load(storage, url, "boxes", options)


def _load(storage: Storage, url: str, kind: StartKind, options: LayoutOptions) -> Starts:
    if not url:
        raise StartError(f"{kind} to start from have an empty URL: give a file or a folder, {kind}:URL")
    if not (storage.exists(url) or storage.is_dir(url)):
        raise missing_start(url)
    for read_form in FORMS[kind].values():
        read = read_form(storage, url, options)
        if read is not None:
            return assemble(url, kind, read)
    raise StartError(f"{url} holds no {kind} to start from: it needs to be {', or '.join(FORMS[kind])}")
