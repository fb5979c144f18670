"""Starts from Parquet columns of boxes."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.errors import StartError
from infra.starts.sample_lookup import ByKey
from infra.starts.start_rows import NO_ID, SCHEMAS, StartPart, StartsRead, row_place, shown
from infra.storage.files import Storage

_SIDES = ("x", "y", "w", "h")
_CORNERS = ("x_min", "y_min", "x_max", "y_max")
_TEXTS = ("sample_key", "object_id")
_NEEDED = (
    "boxes need columns sample_key, and x, y, w, h or x_min, y_min, x_max, y_max in image pixels; object_id and score "
    "may be there"
)
_LONGEST_TEXT = 4096  # bytes; one long text in every row is a small file and much memory
_RULES = {
    "sample_key": f"a text of 1 to {_LONGEST_TEXT:,} bytes, or a whole number",
    "object_id": f"a text of at most {_LONGEST_TEXT:,} bytes, a whole number, or null for a made id",
    "score": "a finite number, or null",
}
_COORDINATE = "a finite number, in image pixels"
_ROWS_AT_ONCE = 50_000
_MOST_SHOWN = 12  # columns


def read_parquet_boxes(storage: Storage, files: Sequence[str]) -> StartsRead:
    """Read the boxes of Parquet files, of which some rows of the columns are decoded at a time.

    Raises:
        StartError: a file is broken, lacks a column, or has a value that breaks its rule.

    """
    told: list[str] = []
    parts = [part for file in files for part in _parts(storage, file, told)]
    return StartsRead(parts, lambda keys: ByKey(), tuple(told))


def _parts(storage: Storage, url: str, told: list[str]) -> Iterator[StartPart]:
    """Yield the rows of a file; add to `told` what a person should know of its columns."""
    try:
        with storage.open_read(url) as stream:
            schema = pq.read_schema(stream)
            names = _columns(schema.names, url)
            told += [f"boxes {url}: {text}" for text in _unread(schema.names)]
            texts = [name for name in _TEXTS if name in names and _is_text(schema.field(name).type)]
            stream.seek(0)
            with pq.ParquetFile(stream, read_dictionary=texts, pre_buffer=False) as file:
                first = 0
                for batch in file.iter_batches(_ROWS_AT_ONCE, columns=names, use_threads=False):
                    batch.validate(full=True)  # Arrow reads text that is no UTF-8 without a word
                    yield _part(url, first, pa.Table.from_batches([batch]))
                    first += batch.num_rows
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise StartError(f"{url} is no readable Parquet file ({reason}): write it again") from None


def _columns(names: Sequence[str], url: str) -> list[str]:
    """Return the columns to read."""
    ways = [way for way in (_SIDES, _CORNERS) if all(name in names for name in way)]
    if "sample_key" not in names or not ways:
        raise StartError(f"{url} has the columns {', '.join(names[:_MOST_SHOWN])}: {_NEEDED}")
    if len(ways) > 1:
        raise StartError(
            f"{url} has boxes twice, as x, y, w, h and as x_min, y_min, x_max, y_max: leave out one"
        )
    chosen = ["sample_key", *ways[0], *(name for name in ("object_id", "score") if name in names)]
    if repeated := [name for name in chosen if names.count(name) > 1]:
        raise StartError(f"{url} has several columns {', '.join(repeated)}: {_NEEDED}, once each")
    return chosen


def _unread(names: Sequence[str]) -> Iterator[str]:
    """Yield what is to be told of columns whose names differ from ours in case only."""
    for name in names:
        meant = name.lower()
        if name != meant and meant in {*_TEXTS, *_SIDES, *_CORNERS, "score"}:
            yield f"column {name!r} is not read: {meant} is"


def _part(url: str, first: int, table: pa.Table) -> StartPart:
    rows, names = _Rows(url, first, table), table.schema.names
    way = _SIDES if "x" in names else _CORNERS
    x, y, third, fourth = (rows.numbers(name, _COORDINATE) for name in way)
    with np.errstate(over="ignore"):  # a width that no number holds is refused below
        w, h = (third, fourth) if way is _SIDES else (third - x, fourth - y)
    wrong = np.flatnonzero(~((w > 0) & (h > 0) & np.isfinite(w) & np.isfinite(h)))
    if wrong.size:
        row = int(wrong[0])
        found = ", ".join(f"{name} {table[name][row].as_py()}" for name in way)
        raise StartError(
            f"{rows.place(row)}: a box of {found}: its width and height must be finite numbers above 0; correct "
            "it or leave it out"
        )
    no_ids, no_scores = pa.array([NO_ID] * table.num_rows, pa.string()), np.zeros(table.num_rows)
    columns = {
        "sample_key": rows.texts("sample_key").dictionary_encode(),
        "object_id": rows.texts("object_id") if "object_id" in names else no_ids,
        "priority": pa.array(rows.numbers("score", _RULES["score"]) if "score" in names else no_scores),
    }
    columns |= dict(zip(_SIDES, map(pa.array, (x, y, w, h)), strict=True))
    return StartPart(
        pa.table(columns).select(SCHEMAS["boxes"].names).cast(SCHEMAS["boxes"]), row_place(url, first)
    )


@dataclass(frozen=True, eq=False)
class _Rows:
    """Rows of a file from number `first` on, whose columns are checked as they are taken."""

    url: str
    first: int
    table: pa.Table

    def place(self, row: int) -> str:
        return row_place(self.url, self.first)(row)

    def texts(self, name: str) -> pa.ChunkedArray:
        """Return a column of texts or whole numbers as texts, NO_ID for null."""
        column = self.table[name]
        is_encoded = pa.types.is_dictionary(column.type)
        kind = column.type.value_type if is_encoded else column.type
        if not (_is_text(kind) or pa.types.is_integer(kind) or pa.types.is_null(kind)):
            raise StartError(f"{self.url} column {name} is of type {column.type}: it must be {_RULES[name]}")
        least = 1 if name == "sample_key" else 0
        for chunk in column.chunks if is_encoded else ():
            lengths = pc.binary_length(chunk.dictionary.cast(pa.string()))
            is_fitting = pc.and_(pc.greater_equal(lengths, least), pc.less_equal(lengths, _LONGEST_TEXT))
            self._refuse(
                name, pc.fill_null(is_fitting.take(chunk.indices), name == "object_id"), _RULES[name]
            )
        texts = column.cast(kind).cast(pa.string())
        if name == "sample_key":
            self._refuse(name, pc.is_valid(texts), _RULES[name])
        return pc.fill_null(texts, NO_ID)

    def numbers(self, name: str, rule: str) -> npt.NDArray[np.float64]:
        """Return a column of finite numbers; a null score is 0."""
        column = self.table[name]
        is_number = pa.types.is_floating(column.type) or pa.types.is_integer(column.type)
        if not (is_number or (name == "score" and pa.types.is_null(column.type))):
            raise StartError(f"{self.url} column {name} is of type {column.type}: it must be {rule}")
        numbers = column.cast(pa.float64(), safe=False)
        if name == "score":
            numbers = pc.fill_null(numbers, 0.0)
        self._refuse(name, pc.fill_null(pc.is_finite(numbers), False), rule)
        return np.asarray(numbers.to_numpy())

    def _refuse(self, name: str, is_valid: pa.Array | pa.ChunkedArray, rule: str) -> None:
        row = pc.index(is_valid, False).as_py()
        if row >= 0:
            value = shown(self.table[name][row].as_py())
            raise StartError(f"{self.place(row)}: {name} is {value}: it must be {rule}")


def _is_text(kind: pa.DataType) -> bool:
    return bool(pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind))
