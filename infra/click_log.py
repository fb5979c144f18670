"""Logged clicks: what people clicked once, held compactly and handed out per sample for replay."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from infra.click_log_files import LogPart, read_log_parts
from infra.errors import ClickLogError
from infra.storage.files import Storage


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
    shares one copy among the workers of a node.
    """

    sample_keys: pa.Array
    offsets: npt.NDArray[np.int64]
    object_ids: pa.Array
    object_codes: npt.NDArray[np.int32]
    click_idx: npt.NDArray[np.int32]
    y: npt.NDArray[np.float64]
    x: npt.NDArray[np.float64]
    is_foreground: npt.NDArray[np.bool_]

    @property
    def num_clicks(self) -> int:
        """Clicks of the whole log."""
        return len(self.click_idx)

    def objects_of(self, sample_key: str) -> dict[str, tuple[LoggedClick, ...]]:
        """Return the clicks of a sample by object, in click_idx order; {} for a sample without clicks."""
        position = bisect_left(self.sample_keys, sample_key, key=lambda key: key.as_py())
        if position == len(self.sample_keys) or self.sample_keys[position].as_py() != sample_key:
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
    files, or a run: of a run directory, or of its `clicks` folder, only what is committed is read. Columns or
    fields: `sample_key`, `object_id`, `click_idx` (from 0; gaps are allowed), `y`, `x` (image pixels),
    `is_foreground`; others are left alone. Whether a click lies in its image is not known here.

    Raises:
        ClickLogError: one line with the file, the line or row, the value and the rule it breaks.
        StorageError: a file that cannot be read.

    """
    parts = [part for part in read_log_parts(storage, url) if part.table.num_rows]
    if not parts:
        raise ClickLogError(f"{url}: no clicks; a click log needs one row or line for every click")
    table = pa.concat_tables(part.table for part in parts)
    sample_keys, sample_codes = _sorted_codes(table.column("sample_key"))
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


def _check_unique(
    log: ClickLog, sample_codes: npt.NDArray[np.int32], order: npt.NDArray[np.intp], parts: Sequence[LogPart]
) -> None:
    """Raise ClickLogError where an object has a click index twice; row i of `log` was read as row `order[i]`."""
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
