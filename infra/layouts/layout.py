"""What a layout is: a function that turns a source folder into samples."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal, Protocol, TypeAlias

from infra.shards.sample import QuarantinedSample, Sample
from infra.storage.files import Storage

MaskValues: TypeAlias = Literal["binary", "instances"]


@dataclass(frozen=True)
class LayoutOptions:
    """How a source is read.

    mask_values: "binary": every non-zero pixel of a mask file is the one object; "instances": every non-zero
        value is an object of its own. None: what is usual in the layout.
    ignore_value: the pixel value that is neither object nor background. None: what is usual in the layout.
    split: the subset to read, by the name the layout has for it, or the URL of a text file with one stem a
        line (read in that order). None: everything.
    """

    mask_values: MaskValues | None = None
    ignore_value: int | None = None
    split: str | None = None


class LayoutReader(Protocol):
    """Reads a source folder, in an order that depends on its names only; broken samples come out as records.

    Raises LayoutError where the folder as a whole is not what the layout expects.
    """

    def __call__(
        self, source_url: str, storage: Storage, options: LayoutOptions
    ) -> Iterator[Sample | QuarantinedSample]:
        """Yield the samples of the folder at `source_url`."""
