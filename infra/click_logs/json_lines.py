"""Click logs as JSON Lines: one object a line, blank lines between them left alone."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain

from infra.click_logs.log_part import LogPart, place_of, shown
from infra.click_logs.options import ClickLogOptions
from infra.click_logs.table_columns import NEEDED, TAKERS, Columns
from infra.click_logs.table_rows import parts_of_rows
from infra.errors import ClickLogError
from infra.json_text import parse_json
from infra.storage.files import Storage


def read_json_lines(storage: Storage, url: str, options: ClickLogOptions) -> Iterator[LogPart]:
    """Yield the parts of a file; the fields of its first line are those of all.

    Raises:
        ClickLogError: a line is no JSON object, lacks a field, or has a value that breaks its rule.

    """
    with storage.open_read(url) as stream:
        rows = ((number, _parsed(url, number, line)) for number, line in enumerate(stream, 1) if line.strip())
        first = next(rows, None)
        if first is None:
            return
        columns = Columns.among(list(first[1]), options, place_of(url, "line", first[0]), "field")
        yield from parts_of_rows(url, columns, TAKERS, _checked(chain([first], rows), columns, url, options))


def _checked(
    rows: Iterator[tuple[int, Mapping[str, object]]], columns: Columns, url: str, options: ClickLogOptions
) -> Iterator[tuple[int, Sequence[object]]]:
    theirs, absent = list(columns.theirs.values()), columns.decisive(options)
    for number, row in rows:
        if not columns.has_same(row, absent):
            raise columns.other_columns(row, options, place_of(url, "line", number))
        yield number, [row[name] for name in theirs]


def _parsed(url: str, number: int, line: bytes) -> Mapping[str, object]:
    try:
        row = parse_json(line)
    except ValueError as error:
        place = place_of(url, "line", number)
        reason = error.msg if isinstance(error, json.JSONDecodeError) else str(error)
        raise ClickLogError(
            f"{place}: {shown(line)} is not JSON ({reason}): write one object a line"
        ) from None
    if not isinstance(row, dict):
        place = place_of(url, "line", number)
        raise ClickLogError(f"{place}: {shown(row)} is no JSON object: {NEEDED}")
    return row
