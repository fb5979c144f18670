"""The clicks of one file, or of a piece of it, in the form that all formats are read into."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import numpy.typing as npt
import pyarrow as pa


class Order(StrEnum):
    """What says in which order the clicks of an object were made."""

    CLICK_IDX = "click_idx"
    NUMBERS = "timestamps that are numbers"
    TIMES = "timestamps without a zone"
    ZONED_TIMES = "timestamps with a zone"
    FILE = "their order in the file"


NAME = pa.dictionary(pa.int32(), pa.string())
SCHEMA = pa.schema(
    {
        "sample_key": NAME,
        "object_id": NAME,
        "order": pa.float64(),
        "y": pa.float64(),
        "x": pa.float64(),
        "is_foreground": pa.bool_(),
        "look": pa.int32(),
    }
)


@dataclass(frozen=True)
class LogPart:
    """Some rows of one file, in its order.

    table: `SCHEMA`, without nulls but in `look`. `sample_key` is what the file says: a key, or the name of an image
        file. `order` is the index or the time (seconds, milliseconds or microseconds) of a click, 0 if `order`
        is `FILE`. `look` is null in all rows if the file has none.
    unit, numbers: what the file's rows are counted in, a "line" from 1, anything else from 0, and (num_rows,) int64
        where each row stands.
    notices: lines to tell a person of how the file was read.
    """

    url: str
    unit: str
    numbers: npt.NDArray[np.int64]
    table: pa.Table
    order: Order
    has_looks: bool = False
    notices: tuple[str, ...] = ()

    def place(self, row: int) -> str:
        """Return where a row of `table` stands, for a person."""
        return place_of(self.url, self.unit, int(self.numbers[row]))


def place_of(url: str, unit: str, number: int) -> str:
    """Return where something stands in a file, for a person."""
    return f"{url} {unit} {number}{'' if unit == 'line' else ' (counted from 0)'}"


def place_in(parts: Sequence[LogPart], row: int) -> str:
    """Return where a row of all parts together stands."""
    ends = np.cumsum([part.table.num_rows for part in parts])
    position = int(np.searchsorted(ends, row, side="right"))
    part = parts[position]
    return part.place(int(row) - int(ends[position]) + part.table.num_rows)


def shown(value: object) -> str:
    """Return a value as an error shows it, cut to a length that a line has room for."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


_LONGEST_VALUE = 60
