"""What a format of corrected labels is: how its files are told, and what reads them."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass

from infra.imports.format_names import ImportFormatName
from infra.imports.label_source import LabelSource
from infra.imports.labelled_image import LabelledImage


@dataclass(frozen=True)
class ImportFormat:
    """A format by its name.

    Attributes:
        recognises: whether the first bytes of a file look like one of its own.
        read: yields the images that a person has looked at; images that the run does not have are noted in
            `LabelSource.images` and passed over. Raises LabelImportError with one line if the file is something else,
            and StorageError if it cannot be read.
        has_versions: a file may have an image several times, as several people have labelled it.
    """

    name: ImportFormatName
    recognises: Callable[[bytes], bool]
    read: Callable[[LabelSource], Iterator[LabelledImage]]
    has_versions: bool = False
