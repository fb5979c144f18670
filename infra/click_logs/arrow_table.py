"""Click logs as Arrow columns, of Parquet files and of runs: whole columns are checked at once."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.click_logs.log_part import NAME, SCHEMA, LogPart, Order, place_of
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.table_columns import RULES, TAKERS, Columns, Moment, broken_rule
from infra.errors import ClickLogError
from infra.storage.files import Storage

_UNIT = "row"


def read_parquet(storage: Storage, url: str, options: ClickLogOptions) -> LogPart:
    """Return the clicks of a Parquet file.

    Raises:
        ClickLogError: it is no Parquet file, lacks a column, or has a value that breaks its rule.

    """
    data = storage.read_bytes(url)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        columns = Columns.among(file.schema_arrow.names, options, url, "column")
        table = file.read(columns=sorted(set(columns.theirs.values())))
        table.validate(full=True)  # Arrow reads text that is no UTF-8 without a word
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise ClickLogError(f"{url} is no readable Parquet file ({reason}): write it again") from None
    return part_of_table(url, table, columns)


def part_of_table(url: str, table: pa.Table, columns: Columns) -> LogPart:
    """Check columns of any type that can hold their values, and bring them to the schema of parts."""
    order = Order.CLICK_IDX if columns.order == "click_idx" else Order.FILE
    checked = {"order": pa.nulls(table.num_rows).cast(pa.float64()).fill_null(0.0)}
    checked["look"] = pa.nulls(table.num_rows, pa.int32())
    for name, theirs in columns.theirs.items():
        column = _Column(url, name, theirs, table.column(theirs))
        if name == "timestamp":
            order, checked["order"] = column.moments()
        else:
            checked["order" if name == "click_idx" else name] = column.checked()
    arrays = [checked[field.name].cast(field.type) for field in SCHEMA]
    numbers = np.arange(table.num_rows)
    return LogPart(
        url,
        _UNIT,
        numbers,
        pa.Table.from_arrays(arrays, schema=SCHEMA),
        order,
        has_looks="look" in columns.theirs,
    )


class _Column:
    """One column of a file, `name` to us and `theirs` in it."""

    def __init__(self, url: str, name: str, theirs: str, column: pa.ChunkedArray) -> None:
        self._url, self._name, self._theirs, self._column = url, name, theirs, column

    def checked(self) -> pa.ChunkedArray:
        """Return the values; ClickLogError names the first that breaks the rule of the column."""
        found = self._column.type
        if self._name in {"sample_key", "object_id"}:
            if not (_is_text(found) or pa.types.is_integer(found)):
                raise self._wrong_type()
            text = self._column.cast(pa.string())
            self._refuse_unless(pc.greater(pc.utf8_length(text), 0))
            return text.dictionary_encode().cast(NAME)
        if self._name in {"y", "x"}:
            if not (pa.types.is_floating(found) or pa.types.is_integer(found)):
                raise self._wrong_type()
            numbers = self._column.cast(pa.float64(), safe=False)
            self._refuse_unless(pc.is_finite(numbers))
            return numbers
        if self._name in {"click_idx", "look"}:
            if pa.types.is_floating(found):  # pandas makes such a column of integers if one is missing
                numbers = self._column.cast(pa.float64())
                whole = pc.equal(pc.floor(numbers), numbers)
                in_range = pc.and_(pc.greater_equal(numbers, 0.0), pc.less_equal(numbers, 2.0**31 - 1))
                self._refuse_unless(pc.and_(whole, in_range))
                return numbers.cast(pa.int32())
            if not pa.types.is_integer(found):
                raise self._wrong_type()
            wide = pa.uint64() if pa.types.is_unsigned_integer(found) else pa.int64()
            index = self._column.cast(wide)
            at_least, at_most = pa.scalar(0, wide), pa.scalar(2**31 - 1, wide)
            self._refuse_unless(pc.and_(pc.greater_equal(index, at_least), pc.less_equal(index, at_most)))
            return index.cast(pa.int32())
        if pa.types.is_boolean(found):
            self._refuse_unless(pc.is_valid(self._column))
            return self._column
        if not (_is_text(found) or pa.types.is_integer(found) or pa.types.is_floating(found)):
            raise self._wrong_type()
        return self._by_value(TAKERS["is_foreground"], pa.bool_())

    def moments(self) -> tuple[Order, pa.ChunkedArray]:
        """Return what kind of times they are, and the times."""
        found = self._column.type
        if pa.types.is_timestamp(found):
            self._refuse_unless(pc.is_valid(self._column))
            microseconds = self._column.cast(pa.timestamp("us", found.tz), safe=False).cast(pa.int64())
            return (Order.ZONED_TIMES if found.tz else Order.TIMES), microseconds.cast(pa.float64())
        if not (_is_text(found) or pa.types.is_integer(found) or pa.types.is_floating(found)):
            raise self._wrong_type()
        kinds: dict[Order, None] = {}

        def value_of(value: object) -> float:
            moment: Moment = TAKERS["timestamp"](value)
            kinds[moment.kind] = None
            return moment.value

        values = self._by_value(value_of, pa.float64())
        if len(kinds) > 1:
            raise ClickLogError(
                f"{self._url} column {self._theirs} has times with a zone and times without: write all in one way"
            )
        return next(iter(kinds), Order.NUMBERS), values

    def _by_value(self, take: Callable[[object], object], kind: pa.DataType) -> pa.ChunkedArray:
        """Return what each distinct value stands for, row by row."""
        encoded = self._column.combine_chunks()
        if not pa.types.is_dictionary(encoded.type):
            encoded = encoded.dictionary_encode()
        taken: list[object] = []
        for value in encoded.dictionary.to_pylist():
            try:
                taken.append(take(value))
            except ValueError:
                taken.append(None)
        values = pa.chunked_array([pa.array(taken, kind).take(encoded.indices)])
        self._refuse_unless(pc.is_valid(values))
        return values

    def _refuse_unless(self, valid: pa.ChunkedArray) -> None:
        wrong = np.flatnonzero(pc.invert(pc.fill_null(valid, False)).to_numpy())
        if wrong.size:
            row = int(wrong[0])
            raise broken_rule(
                place_of(self._url, _UNIT, row), self._name, self._theirs, self._column[row].as_py()
            )

    def _wrong_type(self) -> ClickLogError:
        return ClickLogError(
            f"{self._url} column {self._theirs} is of type {self._column.type}: it must be {RULES[self._name]}"
        )


def _is_text(found: pa.DataType) -> bool:
    if pa.types.is_dictionary(found):
        found = found.value_type
    return bool(
        pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    )
