"""Rows of a table that are read one by one, checked a column at a time and gathered to parts."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import islice
from typing import Any

import numpy as np
import pyarrow as pa

from infra.click_logs.log_part import SCHEMA, LogPart, Order, place_of, shown
from infra.click_logs.table_columns import Columns, Moment, Taker, broken_rule
from infra.errors import ClickLogError

_ROWS_AT_ONCE = 50_000


def parts_of_rows(
    url: str,
    columns: Columns,
    takers: Mapping[str, Taker],
    rows: Iterable[tuple[int, Sequence[object]]],
) -> Iterator[LogPart]:
    """Yield the parts of a file from its rows: (line, values in the order of `columns.theirs`).

    Raises:
        ClickLogError: a value breaks the rule of its column.

    """
    order = Order.CLICK_IDX if columns.order == "click_idx" else Order.FILE
    ahead = iter(rows)
    while chunk := list(islice(ahead, _ROWS_AT_ONCE)):
        lines = [line for line, _ in chunk]
        values = zip(*(row for _, row in chunk), strict=True)
        taken: dict[str, Any] = {
            "order": np.zeros(len(chunk)),
            "look": pa.nulls(len(chunk), pa.int32()),
        }
        for (name, theirs), column in zip(columns.theirs.items(), values, strict=True):
            found = _taken(url, name, theirs, takers[name], column, lines)
            if name == "timestamp":
                order = _kind(url, theirs, found, column, lines, order)
                found = [moment.value for moment in found]
            taken["order" if name in {"click_idx", "timestamp"} else name] = found
        table = pa.table({field.name: pa.array(taken[field.name], field.type) for field in SCHEMA})
        yield LogPart(url, "line", np.array(lines, np.int64), table, order, "look" in columns.theirs)


def _taken(
    url: str, name: str, theirs: str, take: Taker, column: Sequence[object], lines: Sequence[int]
) -> list[Any]:
    found: list[Any] = []
    try:
        for value in column:
            found.append(take(value))
    except ValueError as error:
        line = lines[len(found)]
        raise broken_rule(place_of(url, "line", line), name, theirs, column[len(found)], str(error)) from None
    return found


def _kind(
    url: str,
    theirs: str,
    moments: Sequence[Moment],
    column: Sequence[object],
    lines: Sequence[int],
    before: Order,
) -> Order:
    """Return of which kind all times are; `before` is that of the chunks before, `FILE` if this is the first."""
    kind = moments[0].kind if before is Order.FILE else before
    for moment, value, line in zip(moments, column, lines, strict=True):
        if moment.kind is not kind:
            raise ClickLogError(
                f"{place_of(url, 'line', line)}: the rows before have {kind}, and {theirs} is {shown(value)} here: "
                "write all times in one way"
            )
    return kind
