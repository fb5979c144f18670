"""What a format of click logs is: how its files are known, and what reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Literal, TypeAlias

from infra.click_logs.log_part import LogPart
from infra.click_logs.options import ClickLogOptions, ClickUnits, LogFormatName
from infra.storage.files import Storage

PartReader: TypeAlias = Callable[[Storage, str, ClickLogOptions], Iterator[LogPart]]
"""Yields the parts of the file at a URL; ClickLogError, with the place, if it is not what it should be."""


@dataclass(frozen=True)
class LogFormat:
    """A format by its name.

    suffixes: endings of its files, in lower case.
    recognises: whether a file with such an ending is of this format, by its first `HEAD_SIZE` bytes.
    units: what y and x are, `auto` if only a person knows.
    """

    name: LogFormatName
    suffixes: tuple[str, ...]
    recognises: Callable[[bytes], bool]
    read: PartReader
    units: ClickUnits | Literal["auto"]

    @property
    def is_table(self) -> bool:
        """Whether a person may name columns and units, and keys are keys."""
        return self.units == "auto"


HEAD_SIZE = 2**20
