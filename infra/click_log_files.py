"""The files of a click log: which they are, and their columns, checked row by row."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import PurePosixPath
from typing import Any

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from infra.errors import ClickLogError, missing_click_log
from infra.json_text import parse_json
from infra.runs.repeated_keys import repeated_keys
from infra.runs.run_config import RUN_FILE
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS
from infra.shards.file_names import is_hidden
from infra.storage.files import Storage, basename, join, relative_to

_PARQUET = (".parquet",)
_JSON_LINES = (".jsonl", ".ndjson", ".json")
_LINES_AT_ONCE = 50_000
_MAX_INDEX = 2**31 - 1
_LARGEST_EXACT_INTEGER = 2**53
_LONGEST_VALUE = 60

_STRING = pa.dictionary(pa.int32(), pa.string())
_COLUMN_TYPES = {
    "sample_key": _STRING,
    "object_id": _STRING,
    "click_idx": pa.int32(),
    "y": pa.float64(),
    "x": pa.float64(),
    "is_foreground": pa.bool_(),
}
_RULES = {
    "sample_key": "a string that is not empty",
    "object_id": "a string that is not empty",
    "click_idx": f"an integer from 0 to {_MAX_INDEX}",
    "y": "a finite number, in image pixels",
    "x": "a finite number, in image pixels",
    "is_foreground": "true or false",
}
_NEEDED = f"a click log needs {', '.join(_RULES)}"


@dataclass(frozen=True)
class LogPart:
    """The rows of one file, or of some lines of it.

    `table` has the columns sample_key, object_id (strings, dictionary-encoded), click_idx (int32), y, x
    (float64) and is_foreground, without nulls. `unit` is what the file's rows are counted in: "line" from 1,
    or "row" from 0, and `numbers` (num_rows,) int64 says where each row stands.
    """

    url: str
    unit: str
    numbers: npt.NDArray[np.int64]
    table: pa.Table

    def place(self, row: int) -> str:
        """Return where a row of `table` stands, for a person."""
        counted = "" if self.unit == "line" else " (counted from 0)"
        return f"{self.url} {self.unit} {self.numbers[row]}{counted}"


@dataclass(frozen=True)
class LogFiles:
    """What a click log is read from: the committed parts of `run`, or `files`; `left_out` lie beside those, unread."""

    run: RunDirectory | None
    files: Sequence[str] = ()
    left_out: Sequence[str] = ()


def find_log_files(storage: Storage, url: str) -> LogFiles:
    """Find the files of the click log at `url`: see `click_log.load_click_log` for what it may be."""
    run = _run_of(storage, url)
    if run is not None:
        return LogFiles(run)
    is_file = storage.exists(url)
    if not is_file and not storage.is_dir(url):
        raise missing_click_log(url)
    files = [url] if is_file else storage.list(url)
    readable = [file for file in files if file.lower().endswith(_PARQUET + _JSON_LINES)]
    if not readable:
        known = ", ".join(_PARQUET + _JSON_LINES)
        raise ClickLogError(
            f"{url} is no click log: it needs to be a file that ends in {known}, a folder of such files, "
            "or the directory of a run"
        )
    # those of file systems and programs, such as .part-0.crc, are no one's clicks
    others = (
        set() if is_file else {relative_to(file, url) for file in storage.walk(url) if file not in readable}
    )
    return LogFiles(None, readable, sorted(name for name in others if not is_hidden(PurePosixPath(name))))


def read_log_parts(storage: Storage, log: LogFiles) -> Iterator[LogPart]:
    """Yield the parts of a click log."""
    if log.run is not None:
        records = list(log.run.committed().values())
        tables = list(log.run.read_parts(CLICKS, records, tuple(_RULES)))
        shards, keys = (record.shard for record in records), (table["sample_key"] for table in tables)
        for repeated in repeated_keys(zip(shards, keys, strict=True)):
            raise ClickLogError(
                f"{log.run.url} has clicks on several samples of one key ({repeated}), which a log cannot tell apart: "
                "give each sample a key of its own, as mfp shard does, and run again"
            )
        for record, table in zip(records, tables, strict=True):
            yield _checked_part(join(log.run.url, record.parts[CLICKS.name].path), table)
    for file in log.files:
        if file.lower().endswith(_PARQUET):
            yield _read_parquet(storage, file)
        else:
            yield from _read_json_lines(storage, file)


def _run_of(storage: Storage, url: str) -> RunDirectory | None:
    parent = url.rstrip("/").rpartition("/")[0] or "."
    # the folder of a run's parts may hold parts of attempts that lost: the run knows which count
    candidates = [url, parent] if basename(url) == CLICKS.name else [url]
    for candidate in candidates:
        if storage.exists(join(candidate, RUN_FILE)):
            return RunDirectory(candidate, storage)
    return None


def _read_parquet(storage: Storage, url: str) -> LogPart:
    data = storage.read_bytes(url)
    try:
        file = pq.ParquetFile(pa.BufferReader(data))
        numbers = {name: file.schema_arrow.names.count(name) for name in _RULES}
        if missing := [name for name, number in numbers.items() if number == 0]:
            raise ClickLogError(f"{url} has no column {', '.join(missing)}: {_NEEDED}")
        if repeated := [name for name, number in numbers.items() if number > 1]:
            raise ClickLogError(f"{url} has several columns {', '.join(repeated)}: {_NEEDED}, once each")
        table = file.read(columns=list(_RULES))
        table.validate(full=True)  # Arrow reads text that is no UTF-8 without a word
    except (pa.ArrowException, OSError, UnicodeDecodeError) as error:
        reason = str(error).splitlines()[0]
        raise ClickLogError(f"{url} is no readable Parquet file ({reason}): write it again") from None
    return _checked_part(url, table)


def _checked_part(url: str, table: pa.Table) -> LogPart:
    """Check columns of any Arrow type that can hold their values, and bring them to `_COLUMN_TYPES`."""
    columns = {}
    for name, column_type in _COLUMN_TYPES.items():
        column = table.column(name)
        if not _can_hold(name, column.type):
            raise ClickLogError(f"{url} column {name} is of type {column.type}: it must be {_RULES[name]}")
        if name in {"sample_key", "object_id"}:
            column = column.cast(pa.string())
        elif name in {"y", "x"}:
            column = column.cast(pa.float64(), safe=False)
        wrong = np.flatnonzero(pc.invert(_is_valid(name, column)).to_numpy())
        if wrong.size:
            row = int(wrong[0])
            place = LogPart(url, "row", np.arange(table.num_rows), table).place(row)
            raise _broken_rule(place, name, column[row].as_py())
        columns[name] = column.dictionary_encode() if column_type == _STRING else column.cast(column_type)
    return LogPart(url, "row", np.arange(table.num_rows), pa.table(columns))


def _can_hold(name: str, found: pa.DataType) -> bool:
    if name in {"y", "x"}:
        return bool(pa.types.is_floating(found) or pa.types.is_integer(found))
    if name == "click_idx":
        return bool(pa.types.is_integer(found))
    if name == "is_foreground":
        return bool(pa.types.is_boolean(found))
    if pa.types.is_dictionary(found):
        found = found.value_type
    return bool(
        pa.types.is_string(found) or pa.types.is_large_string(found) or pa.types.is_string_view(found)
    )


def _is_valid(name: str, column: pa.ChunkedArray) -> pa.ChunkedArray:
    """Tell for every value of a column of a fitting type whether it keeps the rule; null does not."""
    if name == "click_idx":
        wide = pa.uint64() if pa.types.is_unsigned_integer(column.type) else pa.int64()
        least, most = pa.scalar(0, wide), pa.scalar(_MAX_INDEX, wide)
        valid = pc.and_(pc.greater_equal(column.cast(wide), least), pc.less_equal(column.cast(wide), most))
    elif name in {"y", "x"}:
        valid = pc.is_finite(column)
    elif name == "is_foreground":
        return pc.is_valid(column)
    else:
        valid = pc.greater(pc.utf8_length(column), 0)
    return pc.fill_null(valid, False)


def _read_json_lines(storage: Storage, url: str) -> Iterator[LogPart]:
    with storage.open_read(url) as stream:
        lines = ((number, line) for number, line in enumerate(stream, 1) if line.strip())
        while chunk := list(islice(lines, _LINES_AT_ONCE)):
            numbers = np.array([number for number, _ in chunk])
            rows = [_parse_line(f"{url} line {number}", line) for number, line in chunk]
            columns = {
                name: pa.array([row[name] for row in rows], type=kind) for name, kind in _COLUMN_TYPES.items()
            }
            yield LogPart(url, "line", numbers, pa.table(columns))


def _parse_line(place: str, line: bytes) -> Mapping[str, Any]:
    try:
        row = parse_json(line)
    except ValueError as error:
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise ClickLogError(
            f"{place}: {_shown(line)} is not JSON ({reason}): write one object a line"
        ) from None
    if not isinstance(row, dict):
        raise ClickLogError(f"{place}: {_shown(row)} is no JSON object: {_NEEDED}")
    for name in _RULES:
        if name not in row:
            raise ClickLogError(f"{place} has no field {name}: {_NEEDED}")
        if not _is_valid_value(name, row[name]):
            raise _broken_rule(place, name, row[name])
        if isinstance(row[name], str) and not _is_utf8(row[name]):
            raise ClickLogError(f"{place}: {name} is {_shown(row[name])}, which holds half a character")
    return row


def _is_valid_value(name: str, value: object) -> bool:
    if name == "is_foreground":
        return isinstance(value, bool)
    if name in {"sample_key", "object_id"}:
        return isinstance(value, str) and value != ""
    if isinstance(value, bool):  # bool is an int to Python, not to the rules
        return False
    if name == "click_idx":
        return isinstance(value, int) and 0 <= value <= _MAX_INDEX
    if isinstance(value, int):
        return abs(value) <= _LARGEST_EXACT_INTEGER
    return isinstance(value, float) and math.isfinite(value)


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:  # JSON may escape one half of a pair
        return False
    return True


def _broken_rule(place: str, name: str, value: object) -> ClickLogError:
    return ClickLogError(f"{place}: {name} is {_shown(value)}: it must be {_RULES[name]}")


def _shown(value: object) -> str:
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."
