"""What a layout is: a function that turns a source folder into samples, and the options that it heeds."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field, fields
from typing import Literal, Protocol, TypeAlias

from infra.errors import LayoutError
from infra.layouts.object_values import ObjectValues
from infra.layouts.source_folder import check_source
from infra.layouts.source_note import SourceNote
from infra.shards.image_file import ImageReading
from infra.shards.sample import QuarantinedSample, Sample
from infra.storage.files import Storage

MaskValues: TypeAlias = Literal["binary", "instances"]
CrowdRegions: TypeAlias = Literal["skip", "objects"]
SourceItem: TypeAlias = Sample | QuarantinedSample | SourceNote


@dataclass(frozen=True)
class LayoutOptions:
    """How a source is read.

    mask_values: "binary": a mask file shows one object; "instances": every value but 0 is an object of its own.
        None: what is usual in the layout.
    ignore_value: the pixel value that is neither object nor background. None: what is usual in the layout.
    object_values: which pixel values are object, if the rules of `infra/layouts/mask_meaning.py` do not tell.
    crowd: what a COCO region with `iscrowd` 1 is: left out, or an object like any other.
    images: how image files are understood; masks that carry an EXIF orientation are turned like images.
    split: the subset to read, by the name the layout has for it, or the URL of a text file with one stem a
        line (read in that order). None: everything.
    """

    mask_values: MaskValues | None = None
    ignore_value: int | None = None
    split: str | None = None
    object_values: ObjectValues = field(default_factory=ObjectValues)
    crowd: CrowdRegions = "skip"
    images: ImageReading = field(default_factory=ImageReading)

    @property
    def names_mask_values(self) -> bool:
        """Whether an option was given that is about the values of masks."""
        return self.object_values.are_given or (self.mask_values, self.ignore_value) != (None, None)


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
