"""What a layout is: a function that turns a source folder into samples, and the options that it heeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields
from typing import Protocol, TypeAlias

from infra.errors import LayoutError
from infra.layout_options import LayoutOptions
from infra.layouts.source_folder import check_source
from infra.layouts.source_note import SourceNote
from infra.shards.sample import QuarantinedSample, Sample
from infra.storage.files import Storage

SourceItem: TypeAlias = Sample | QuarantinedSample | SourceNote


class LayoutReader(Protocol):
    """Reads a source folder, in an order that depends on its names only; broken samples come out as records.

    Everything that is left out or reinterpreted on the way comes out as a `SourceNote`.
    Raises LayoutError if the folder as a whole is not what the layout expects.
    """

    def __call__(self, source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
        """Yield the samples of the folder at `source_url`."""


@dataclass(frozen=True)
class Layout:
    """A layout by its name, with the options that only some layouts have a use for and this one heeds."""

    name: str
    reader: LayoutReader
    heeds: frozenset[str] = frozenset()

    def read(self, source_url: str, storage: Storage, options: LayoutOptions) -> Iterator[SourceItem]:
        """Yield the samples of the folder at `source_url`.

        Raises:
            LayoutError: an option was given that the layout does not heed, the source is no folder, or it is of another
                layout.

        """
        standard = LayoutOptions()
        for option in fields(LayoutOptions):
            value = getattr(options, option.name)
            if option.name not in self.heeds | _OF_ALL_LAYOUTS and value != getattr(standard, option.name):
                name = f"--{option.name.replace('_', '-')}"
                raise LayoutError(f"layout {self.name} takes no {name} (it was {value}): leave it out")
        check_source(source_url, storage)
        yield from self.reader(source_url, storage, options)


_OF_ALL_LAYOUTS = frozenset({"split", "images"})
