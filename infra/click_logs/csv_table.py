"""Click logs as CSV: UTF-8, a header, and `,`, `;` or a tab between the fields."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import BinaryIO

from infra.click_logs.log_part import LogPart, place_of, shown
from infra.click_logs.options import COLUMNS, ClickLogOptions
from infra.click_logs.table_columns import TAKERS, Columns, Taker
from infra.click_logs.table_rows import parts_of_rows
from infra.errors import ClickLogError
from infra.storage.files import Storage

_DELIMITERS = (",", ";", "\t")
_BYTE_ORDER_MARK = "\ufeff"
_INTEGER = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)


def read_csv(storage: Storage, url: str, options: ClickLogOptions) -> Iterator[LogPart]:
    """Yield the parts of a file. Keys and ids are text as it stands, 007 too.

    Raises:
        ClickLogError: it is no such CSV, lacks a column, or has a value that breaks its rule.

    """
    with storage.open_read(url) as stream:
        lines = _Lines(stream, url)
        header_line = next((line for line in lines if line.strip()), None)
        if header_line is None:
            return
        delimiter, header = _header(header_line, options, lines.place())
        columns = Columns.among(header, options, url, "column")
        yield from parts_of_rows(url, columns, _TAKERS, _rows(lines, delimiter, header, columns, url))


class _Lines:
    """The lines of a stream as text, and the number of the one that was last given out, from 1."""

    def __init__(self, stream: BinaryIO, url: str) -> None:
        self._stream, self._url = stream, url
        self.number = 0

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        line = next(self._stream)
        self.number += 1
        try:
            text = line.decode()
        except UnicodeDecodeError:
            raise ClickLogError(f"{self.place()} is no UTF-8: save the table as CSV in UTF-8") from None
        return text.removeprefix(_BYTE_ORDER_MARK) if self.number == 1 else text

    def place(self) -> str:
        return place_of(self._url, "line", self.number)


def _header(line: str, options: ClickLogOptions, place: str) -> tuple[str, list[str]]:
    """Return the delimiter by which most of the columns that are looked for are there, and the header by it."""
    wanted = {options.theirs(name) for name in COLUMNS}
    best: tuple[int, str, list[str]] = (-1, "", [])
    for delimiter in _DELIMITERS:
        try:
            fields = [name.strip() for name in next(_reader(iter([line]), delimiter), [])]
        except csv.Error:  # "a";"b" is no header by the other delimiters
            continue
        if len(wanted & set(fields)) > best[0]:
            best = (len(wanted & set(fields)), delimiter, fields)
    if not best[1]:
        raise ClickLogError(f"{place} is no header of a CSV: mend its quotes")
    return best[1], best[2]


def _rows(
    lines: _Lines, delimiter: str, header: Sequence[str], columns: Columns, url: str
) -> Iterator[tuple[int, Sequence[object]]]:
    reader = _reader(lines, delimiter)
    wanted = [header.index(theirs) for theirs in columns.theirs.values()]
    while True:
        first = lines.number + 1
        try:
            fields = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            place = place_of(url, "line", first)
            raise ClickLogError(f"{place} is no row of a CSV ({error}): mend its quotes") from None
        if len(fields) == len(header):
            yield first, [fields[index] for index in wanted]
        elif fields:
            raise ClickLogError(
                f"{place_of(url, 'line', first)} has {len(fields)} fields, and the header has {len(header)}: "
                f"{shown(delimiter.join(fields))}"
            )


def _value(text: str) -> object:
    """Return what a field says: a number if it looks like one, else its text."""
    stripped = text.strip()
    if _INTEGER.fullmatch(stripped):
        return int(stripped)
    return float(stripped) if _NUMBER.fullmatch(stripped) else text


def _of_text(name: str, take: Taker) -> Taker:
    if name in {"sample_key", "object_id"}:
        return take

    def taken(text: object) -> object:
        return take(_value(str(text)))

    # most columns have few different values
    return taken if name in {"y", "x", "timestamp"} else lru_cache(taken)


_TAKERS = {name: _of_text(name, take) for name, take in TAKERS.items()}


def _reader(lines: Iterator[str], delimiter: str) -> Iterator[list[str]]:
    return csv.reader(lines, delimiter=delimiter, skipinitialspace=True, strict=True)
