"""Logged clicks: what people clicked once, held compactly and handed out per sample for replay."""

from __future__ import annotations

import unicodedata
from bisect import bisect_left
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.click_log_files import LogFiles, LogPart, find_log_files, read_log_parts
from infra.errors import ClickLogError
from infra.storage.files import Storage

_NUM_SHOWN = 3


@dataclass(frozen=True, slots=True)
class LoggedClick:
    """One click of a log; `click_idx` (from 0) orders the clicks of an object, `y`, `x` are image pixels."""

    sample_key: str
    object_id: str
    click_idx: int
    y: float
    x: float
    is_foreground: bool


@dataclass(frozen=True, eq=False)
class ClickLog:
    """Every click of a log as columns, about 25 bytes a click, sorted by sample, object and click index.

    The clicks of sample i of `sample_keys` (sorted) are rows `offsets[i]` to `offsets[i + 1]` of the columns,
    all of which are (num_clicks,); `object_codes` are indices into `object_ids`. Arrays only, so that Ray
    shares one copy among the workers of a node. Sample keys are composed (NFC), and so are those that are asked for:
    an accent may be written in two ways. `notices` are lines to tell a person of how the log was read.
    """

    sample_keys: pa.Array
    offsets: npt.NDArray[np.int64]
    object_ids: pa.Array
    object_codes: npt.NDArray[np.int32]
    click_idx: npt.NDArray[np.int32]
    y: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    is_foreground: npt.NDArray[np.bool_]
    notices: tuple[str, ...] = ()

    @property
    def num_clicks(self) -> int:
        """Clicks of the whole log."""
        return len(self.click_idx)

    def objects_of(self, sample_key: str) -> dict[str, tuple[LoggedClick, ...]]:
        """Return the clicks of a sample by object, in click_idx order; {} for a sample without clicks."""
        composed = unicodedata.normalize("NFC", sample_key)
        position = bisect_left(self.sample_keys, composed, key=lambda key: key.as_py())
        if position == len(self.sample_keys) or self.sample_keys[position].as_py() != composed:
            return {}
        clicks: dict[str, list[LoggedClick]] = {}
        for row in range(self.offsets[position], self.offsets[position + 1]):
            object_id = self.object_ids[self.object_codes[row].item()].as_py()
            click = LoggedClick(
                sample_key,
                object_id,
                self.click_idx[row].item(),
                self.y[row].item(),
                self.x[row].item(),
                self.is_foreground[row].item(),
            )
            clicks.setdefault(object_id, []).append(click)
        return {object_id: tuple(of_object) for object_id, of_object in clicks.items()}


def load_click_log(storage: Storage, url: str) -> ClickLog:
    """Read a click log.

    `url` is a Parquet file (`.parquet`), a JSON Lines file (`.jsonl`, `.ndjson`, `.json`), a folder of such
    files (what else lies in it is told), or a run: of a run directory, or of its `clicks` folder, only what is
    committed is read. Columns or fields: `sample_key`, `object_id`, `click_idx` (from 0; gaps are allowed), `y`, `x`
    (image pixels), `is_foreground`; others are left alone. Whether a click lies in its image is not known here.

    Raises:
        ClickLogError: one line with the file, the line or row, the value and the rule it breaks.
        StorageError: a file that cannot be read.

    """
    files = find_log_files(storage, url)
    parts = [part for part in read_log_parts(storage, files) if part.table.num_rows]
    if not parts:
        raise ClickLogError(f"{url}: no clicks; a click log needs one row or line for every click")
    table = pa.concat_tables(part.table for part in parts)
    written_keys, sample_codes = _sorted_codes(table.column("sample_key"))
    sample_keys, sample_codes = _composed(written_keys, sample_codes)
    object_ids, object_codes = _sorted_codes(table.column("object_id"))
    click_idx = table.column("click_idx").to_numpy()
    order = np.lexsort((click_idx, object_codes, sample_codes))
    log = ClickLog(
        sample_keys=sample_keys,
        offsets=np.searchsorted(sample_codes[order], np.arange(len(sample_keys) + 1)),
        object_ids=object_ids,
        object_codes=object_codes[order],
        click_idx=click_idx[order],
        y=table.column("y").to_numpy()[order],
        x=table.column("x").to_numpy()[order],
        is_foreground=table.column("is_foreground").to_numpy()[order],
        notices=tuple(_notices(url, files, written_keys)),
    )
    _check_unique(log, sample_codes[order], order, parts)
    return log


def _sorted_codes(column: pa.ChunkedArray) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Return the distinct strings of a dictionary-encoded column, sorted, and every row's index into them."""
    encoded = column.unify_dictionaries().combine_chunks()
    by_value = pc.sort_indices(encoded.dictionary)
    rank = np.empty(len(by_value), np.int32)
    rank[by_value.to_numpy()] = np.arange(len(by_value), dtype=np.int32)
    return encoded.dictionary.take(by_value), rank[encoded.indices.to_numpy()]


def _composed(names: pa.Array, codes: npt.NDArray[np.int32]) -> tuple[pa.Array, npt.NDArray[np.int32]]:
    """Return the NFC of sorted strings, sorted and each once, and every row's index into those."""
    composed = pc.utf8_normalize(names, form="NFC")
    distinct = composed.unique()
    distinct = distinct.take(pc.sort_indices(distinct))
    return distinct, pc.index_in(composed, distinct).to_numpy()[codes]


def _notices(url: str, files: LogFiles, written_keys: pa.Array) -> Iterator[str]:
    if files.left_out:
        more = ", ..." if len(files.left_out) > _NUM_SHOWN else ""
        yield (
            f"click log {url}: {len(files.left_out):,} other files are not read "
            f"({', '.join(files.left_out[:_NUM_SHOWN])}{more}): a log is .jsonl or "
            ".parquet, and no folder in the folder is looked into"
        )
    decomposed = [key for key in written_keys.to_pylist() if not unicodedata.is_normalized("NFC", key)]
    if decomposed:
        yield (
            f"click log {url}: {len(decomposed):,} sample keys have decomposed letters (NFD), the first "
            f"{decomposed[0]!r}: taken as composed ones (NFC)"
        )


def _check_unique(
    log: ClickLog, sample_codes: npt.NDArray[np.int32], order: npt.NDArray[np.intp], parts: Sequence[LogPart]
) -> None:
    """Raise ClickLogError if an object has a click index twice; row i of `log` was read as row `order[i]`."""
    same = (np.diff(sample_codes) == 0) & (np.diff(log.object_codes) == 0) & (np.diff(log.click_idx) == 0)
    repeated = np.flatnonzero(same)
    if repeated.size:
        # the sort is stable, so of two equal rows the one that was read first comes first
        row = int(repeated[0])
        sample_key = log.sample_keys[sample_codes[row].item()].as_py()
        object_id = log.object_ids[log.object_codes[row].item()].as_py()
        raise ClickLogError(
            f"{_place(parts, order[row + 1])}: click_idx {log.click_idx[row]} of object {object_id!r} "
            f"of sample {sample_key!r} was there before, in {_place(parts, order[row])}: "
            "every click of an object needs an index of its own"
        )


def _place(parts: Sequence[LogPart], row: int) -> str:
    ends = np.cumsum([part.table.num_rows for part in parts])
    position = int(np.searchsorted(ends, row, side="right"))
    part = parts[position]
    return part.place(int(row) - int(ends[position]) + part.table.num_rows)
