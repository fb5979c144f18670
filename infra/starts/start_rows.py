"""The rows that a form of starts is read into: checked, with the place where each stands."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

import pyarrow as pa

from infra.errors import StartError
from infra.exports.own_files import OWN_FILES
from infra.shards.file_names import is_hidden
from infra.starts.sample_lookup import SampleLookup
from infra.starts.starts import StartKind
from infra.storage.files import Storage, basename

_COLUMNS_OF_ALL = {
    "sample_key": pa.dictionary(pa.int32(), pa.string()),
    "object_id": pa.string(),
    "priority": pa.float64(),
}
SCHEMAS: Mapping[StartKind, pa.Schema] = {
    "masks": pa.schema(_COLUMNS_OF_ALL | {"rle": pa.binary(), "height": pa.int32(), "width": pa.int32()}),
    "boxes": pa.schema(_COLUMNS_OF_ALL | dict.fromkeys(("x", "y", "w", "h"), pa.float64())),
}
NO_ID = ""
"""The id of an object whose file gives it none; one is made."""
_LONGEST_VALUE = 60
_ROWS_AT_ONCE = 10_000


@dataclass(frozen=True, eq=False)
class StartPart:
    """Some rows of one file. `table` has the columns of its kind without nulls; `place` says where row i stands."""

    table: pa.Table
    place: Callable[[int], str]


@dataclass(frozen=True, eq=False)
class StartsRead:
    """What the files of one form hold, in their order.

    lookup: makes the rule by which samples find their keys, of all keys, sorted.
    """

    parts: Sequence[StartPart]
    lookup: Callable[[pa.Array], SampleLookup]
    notices: tuple[str, ...] = ()


class RowBuffer:
    """Gathers rows one by one and holds them as columns."""

    def __init__(self, kind: StartKind, place: Callable[[int], str]) -> None:
        """Begin an empty buffer; `place` says where what is added as `number` stands."""
        self._schema = SCHEMAS[kind]
        self._place = place
        self._tables: list[pa.Table] = []
        self._numbers = array("q")
        self._rows: list[Sequence[Any]] = []

    def add(self, number: int, sample_key: str, object_id: str, priority: float, *rest: Any) -> None:
        """Add a row; `rest` are the other columns of its kind. StartError if a name is no proper text."""
        for name, text in (("the key", sample_key), ("the object id", object_id)):
            if not _is_utf8(text):
                raise StartError(
                    f"{self._place(number)}: {name} {text!r} holds characters that are no text (UTF-8): rename it"
                )
        self._numbers.append(number)
        self._rows.append((sample_key, object_id, priority, *rest))
        if len(self._rows) == _ROWS_AT_ONCE:
            self._flush()

    def parts(self) -> Iterator[StartPart]:
        """Yield what was added; nothing if that is nothing."""
        self._flush()
        if self._tables:
            numbers, place = self._numbers, self._place
            yield StartPart(pa.concat_tables(self._tables), lambda row: place(numbers[row]))

    def _flush(self) -> None:
        if self._rows:
            columns = zip(zip(*self._rows, strict=True), self._schema, strict=True)
            arrays = [pa.array(values, field.type) for values, field in columns]
            self._tables.append(pa.Table.from_arrays(arrays, schema=self._schema))
            self._rows = []


def files_at(storage: Storage, url: str, suffix: str) -> Sequence[str]:
    """Return the files of a suffix at a URL, which is one or the folder that holds some.

    Hidden ones are left out, and what an export says of itself.
    """
    if storage.exists(url):
        return [url] if url.lower().endswith(suffix) else []
    return [
        file
        for file in storage.list(url)
        if file.lower().endswith(suffix)
        and not is_hidden(PurePosixPath(basename(file)))
        and basename(file) not in OWN_FILES
    ]


def row_place(url: str, first: int = 0) -> Callable[[int], str]:
    """Return what says where row i of a table stands that begins at row `first` of a file."""
    return lambda row: f"{url} row {first + row} (counted from 0)"


def shown(value: object) -> str:
    """Write a value for a person, cut off if it is long."""
    text = repr(value)
    return text if len(text) <= _LONGEST_VALUE else f"{text[: _LONGEST_VALUE - 3]}..."


def _is_utf8(text: str) -> bool:
    # JSON may hold half a character, and the name of a file bytes of another encoding
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True
