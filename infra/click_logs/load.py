"""Reads a click log of any format."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.click_logs.click_log import ClickLog
from infra.click_logs.click_order import order_clicks
from infra.click_logs.image_names import key_of_image
from infra.click_logs.log_files import LogFiles, find_log_files
from infra.click_logs.log_part import LogPart
from infra.click_logs.options import ClickLogOptions, ClickUnits
from infra.click_logs.reviews import read_reviewed_clicks, reviews_at
from infra.click_logs.run import read_run
from infra.errors import ClickLogError
from infra.runs.run_directory import run_at
from infra.runs.tables import CLICKS
from infra.storage.files import Storage

_MOST_REASONS = 4


def load_click_log(storage: Storage, url: str, options: ClickLogOptions = ClickLogOptions()) -> ClickLog:
    """Read a click log.

    `url` is a file, a folder of files of one format (what else lies in it is told), or a run: of a run directory, or
    of its `clicks` folder, only what is committed is read; of its `reviews` folder, the clicks of people who have
    corrected its masks. `docs/click_logs.md` has the formats. Whether a click
    lies in its image is not known here.

    Raises:
        ClickLogError: one line with the file, the line or row, the value and the rule it breaks.
        StorageError: a file that cannot be read.

    """
    units: ClickUnits = "pixels"
    names_images, told = False, list[str]()
    run = run_at(storage, url, CLICKS)
    reviewed = reviews_at(storage, url)
    if run is not None:
        parts = list(read_run(run, options))
    elif reviewed is not None:
        parts = [read_reviewed_clicks(reviewed, options)]
    else:
        files = find_log_files(storage, url, options)
        units = _units(files, options)
        names_images = not files.format.is_table or options.theirs("sample_key") != "sample_key"
        parts = [part for file in files.files for part in files.format.read(storage, file, options)]
        told += files.notices()
    notices = [notice for part in parts for notice in part.notices]
    told += notices
    parts = [part for part in parts if part.table.num_rows]
    if not parts:
        raise ClickLogError(
            f"{url}: no clicks{_reasons(url, notices)}; a click log needs one row, line or point for every click"
        )
    return _joined(url, parts, units, names_images, told)


def _reasons(url: str, notices: list[str]) -> str:
    """Return in brackets what was left out of a log, as far as a line has room for it."""
    reasons = [
        notice.removeprefix("click log ").removeprefix(f"{url}: ") for notice in notices[:_MOST_REASONS]
    ]
    more = ["..."] if len(notices) > _MOST_REASONS else []
    return f" ({'; '.join(reasons + more)})" if reasons else ""


def _units(files: LogFiles, options: ClickLogOptions) -> ClickUnits:
    """Return what y and x are. ClickLogError if an option is against what the format says."""
    if files.format.units == "auto":
        return "pixels" if options.units == "auto" else options.units
    said = files.format.units
    if options.units not in {"auto", said}:
        raise ClickLogError(
            f"--click-units {options.units}: {files.url} is of format {files.format.name}, which is in {said}: leave "
            "the option out"
        )
    if options.columns:
        raise ClickLogError(
            f"--click-column {options.columns[0]}: {files.url} is of format {files.format.name}, which has no columns: "
            "leave the option out"
        )
    return said


def _joined(
    url: str, parts: list[LogPart], units: ClickUnits, names_images: bool, told: list[str]
) -> ClickLog:
    """Put the parts of a log together."""
    table = pa.concat_tables(part.table for part in parts)
    written, sample_codes = _sorted_codes(table.column("sample_key"))
    if names_images:
        _refuse_one_key_for_two(url, written)
    told += _told_of_accents(url, written)
    keys = pa.array([key_of_image(name) for name in written.to_pylist()]) if names_images else written
    sample_keys, sample_codes = _composed(keys, sample_codes)
    object_ids, object_codes = _sorted_codes(table.column("object_id"))

    def name_of(row: int) -> str:
        object_id = object_ids[object_codes[row].item()].as_py()
        return f"object {object_id!r} of sample {sample_keys[sample_codes[row].item()].as_py()!r}"

    ordered = order_clicks(parts, sample_codes, object_codes, name_of)
    rows = ordered.rows
    return ClickLog(
        sample_keys=sample_keys,
        offsets=np.searchsorted(sample_codes[rows], np.arange(len(sample_keys) + 1)),
        object_ids=object_ids,
        object_codes=object_codes[rows],
        click_idx=ordered.click_idx,
        y=table.column("y").to_numpy()[rows],
        x=table.column("x").to_numpy()[rows],
        is_foreground=table.column("is_foreground").to_numpy()[rows],
        look=ordered.look,
        units=units,
        notices=tuple(told),
    )


def _sorted_codes(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Return the distinct strings of a dictionary-encoded column, sorted, and every row's index into them."""
    encoded = column.unify_dictionaries().combine_chunks()
    by_value = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(by_value), np.int32)
    rank[by_value.to_numpy()] = np.arange(len(by_value), dtype=np.int32)
    return encoded.dictionary.take(by_value), rank[encoded.indices.to_numpy()]


def _composed(names: pa.Array, codes: npt.NDArray[np.int32]) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Return the NFC of strings, sorted and each once, and every row's index into those."""
    composed = pc.utf8_normalize(names, form="NFC")
    distinct = composed.unique()
    distinct = distinct.take(pc.sort_indices(distinct))
    return distinct, pc.index_in(composed, distinct).to_numpy()[codes]


def _refuse_one_key_for_two(url: str, names: pa.Array) -> None:
    by_key: dict[str, str] = {}
    for name in names.to_pylist():
        first = by_key.setdefault(key_of_image(name), name)
        if unicodedata.normalize("NFC", first) != unicodedata.normalize("NFC", name):
            raise ClickLogError(
                f"{url} has clicks on images {first!r} and {name!r}, which are both of sample {key_of_image(name)!r}: "
                "write a table with a column sample_key, whose values are taken as they stand"
            )


def _told_of_accents(url: str, written: pa.Array) -> Iterator[str]:
    decomposed = [key for key in written.to_pylist() if not unicodedata.is_normalized("NFC", key)]
    if decomposed:
        yield (
            f"click log {url}: {len(decomposed):,} sample keys have decomposed letters (NFD), the first "
            f"{decomposed[0]!r}: taken as composed ones (NFC)"
        )
