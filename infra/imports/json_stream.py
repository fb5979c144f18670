"""JSON files of any size whose long lists are read entry by entry, however the file is laid out in lines."""

from __future__ import annotations

import io
import json
from collections.abc import Collection, Generator
from typing import Any, Final, TextIO

from infra.errors import LabelImportError
from infra.json_text import NESTED_TOO_DEEPLY
from infra.storage.files import Storage

WHOLE_FILE: Final = ""
"""The name of the list in a file that is one list."""
MOST_CHARACTERS: Final = 2**28
"""Of one entry of a list, or of one member that is no list."""
_BLOCK = 2**20
_WHITESPACE = " \t\n\r"
_ENDS = frozenset(f"{_WHITESPACE},:]}}")
"""What may follow a value."""


def read_lists(
    storage: Storage, url: str, names: Collection[str]
) -> Generator[tuple[str, int, Any], None, None]:
    """Yield (name of the list, index in it from 0, entry) of the lists of a file; memory holds one entry.

    Args:
        storage, url: the file: a list, or an object with lists among its members.
        names: of the members to read; others are passed over. WHOLE_FILE for a file that is one list.

    Raises:
        LabelImportError: it is no JSON, neither of both, has none of the lists, or an entry is too long.
        StorageError: the file cannot be read.
    """
    with storage.open_read(url) as stream, io.TextIOWrapper(stream, "utf-8-sig") as text:
        try:
            yield from _lists(_Tokens(text), names, url)
        except ValueError as error:  # also UnicodeDecodeError
            raise LabelImportError(f"{url} is no JSON ({error}): export it again") from None


def _lists(tokens: _Tokens, names: Collection[str], url: str) -> Generator[tuple[str, int, Any], None, None]:
    met = False
    if tokens.peek() == "[":
        met = WHOLE_FILE in names
        for index, entry in enumerate(tokens.entries()):
            if met:
                yield WHOLE_FILE, index, entry
    elif tokens.peek() == "{":
        for name in tokens.members():
            if tokens.peek() != "[":
                tokens.value()
                continue
            is_wanted = name in names
            met = met or is_wanted
            for index, entry in enumerate(tokens.entries()):
                if is_wanted:
                    yield name, index, entry
    if tokens.peek():
        raise ValueError(f"{tokens.peek()!r} where the file should end")
    if not met:
        wanted = "a list" if WHOLE_FILE in names else f"an object with a list {' or '.join(map(repr, names))}"
        raise LabelImportError(f"{url} is not {wanted}: choose another --format, or export it again")


class _Tokens:
    """The text of a file, of which a part is in memory."""

    def __init__(self, text: TextIO) -> None:
        self._text = text
        self._buffer = ""
        self._at = 0
        self._decoder = json.JSONDecoder()

    def peek(self) -> str:
        """The next character that is no white space; empty at the end."""
        while True:
            while self._at < len(self._buffer) and self._buffer[self._at] in _WHITESPACE:
                self._at += 1
            if self._at < len(self._buffer):
                return self._buffer[self._at]
            if not self._read_on():
                return ""

    def value(self) -> Any:
        """The next value, whole."""
        self.peek()
        while True:
            problem = ""
            try:
                value, end = self._decoder.raw_decode(self._buffer, self._at)
            except json.JSONDecodeError as error:
                problem = (
                    error.msg
                )  # it may be cut off; places are those in memory, and say nothing of the file
            except RecursionError:
                raise ValueError(NESTED_TOO_DEEPLY) from None
            if not problem and self._buffer[end : end + 1] in _ENDS:  # else a number may go on
                self._at = end
                return value
            if len(self._buffer) - self._at > MOST_CHARACTERS:
                raise ValueError(f"an entry of more than {MOST_CHARACTERS:,} characters")
            if not self._read_on():
                if problem:
                    raise ValueError(problem)
                self._at = end
                return value

    def entries(self) -> Generator[Any, None, None]:
        """The entries of the list that begins here."""
        self._take("[")
        while self.peek() != "]":
            yield self.value()
            if self.peek() == ",":
                self._take(",")
                if self.peek() == "]":
                    raise ValueError("a comma before the end of a list")
            elif self.peek() != "]":
                raise ValueError(f"{self.peek() or 'the end of the file'!r} in a list, instead of a comma")
        self._take("]")

    def members(self) -> Generator[str, None, None]:
        """The names of the members of the object that begins here; who gets one reads its value."""
        self._take("{")
        while self.peek() != "}":
            name = self.value()
            if not isinstance(name, str):
                raise ValueError("a member of an object without a name")
            self._take(":")
            yield name
            if self.peek() == ",":
                self._take(",")
            elif self.peek() != "}":
                raise ValueError(f"{self.peek() or 'the end of the file'!r} in an object, instead of a comma")
        self._take("}")

    def _take(self, character: str) -> None:
        if self.peek() != character:
            raise ValueError(f"{self.peek() or 'the end of the file'!r} instead of {character!r}")
        self._at += 1

    def _read_on(self) -> bool:
        """Read as much again as is there, so that an entry is not parsed too often; False at the end of the file."""
        rest = self._buffer[self._at :]
        more = self._text.read(max(_BLOCK, len(rest)))
        self._buffer, self._at = rest + more, 0
        return bool(more)
