"""What a format is: a writer of samples, and a reader that finds the masks again in what was written."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol

from infra.exports.exported_sample import ExportedSample
from infra.exports.format_names import FormatName, Shape
from infra.json_text import JsonValue
from infra.storage.files import Storage


@dataclass(frozen=True)
class ExportTarget:
    """Where an export goes, and what a format may be told.

    Attributes:
        storage, url: the folder, which is empty.
        provenance: what made the masks: run, models, data set; for the place that a format has for it.
        shape: how masks are written if a format leaves the choice.
        image_prefix: stands before file names where a program looks for the images; empty: they lie in the folder
            that the format has for them.
        split: the name of the split that goes out; empty: all of the run, or a list of samples.
    """

    storage: Storage
    url: str
    provenance: Mapping[str, JsonValue]
    shape: Shape
    image_prefix: str
    split: str = ""


class ExportWriter(Protocol):
    """Writes samples, one by one: it holds one in memory, and what must stay waits on the local disk."""

    def add(self, sample: ExportedSample) -> None:
        """Write a sample, or what can be written of it now. The driver copies images; a writer does not.

        Raises:
            ExportError: the format has no room for it.
            StorageError: it cannot be written.
        """

    def finish(self) -> None:
        """Write what is left; every file is there afterwards."""

    def close(self) -> None:
        """Let go of the local disk, whatever happened."""


class ExportReader(Protocol):
    """Reads an export back from its storage, in the order in which it was written."""

    def masks(self, sample: ExportedSample) -> Sequence[bytes]:
        """Return the masks of a sample's objects as the files hold them: COCO counts of (height, width), in order.

        Nothing of the masks of `sample` is looked at: its names say where to look. What a format does not tell apart
        from an empty mask is one. Images that the format has inside (`always_has_images`) are compared, byte by byte;
        the driver compares those that it has copied.

        Raises:
            ExportError: an image or object is not there, not in its place, there twice, or of another class.
            ValueError, LookupError, TypeError, AttributeError: what stands there is something else.
        """

    def finish(self) -> None:
        """Make sure that the files hold no image and no object beyond those that were read. ExportError: they do.

        A file that no other one names is not looked for.
        """

    def close(self) -> None:
        """Let go of open files."""


@dataclass(frozen=True)
class ExportFormat:
    """A format by its name.

    Attributes:
        write, read: make a writer for an empty folder, and a reader for a finished one.
        always_has_images: images are part of it, whether they are asked for or not.
        shapes: the ways of writing masks that it has; the first is the usual one.
        exact_shapes: those that keep every pixel: a mask that differs is then no loss but a fault.
        images_folder: where copies of the images lie.
        names_images: it says where images lie, so that an image prefix means something.
    """

    name: FormatName
    write: Callable[[ExportTarget], ExportWriter]
    read: Callable[[ExportTarget], ExportReader]
    always_has_images: bool = False
    shapes: tuple[Shape, ...] = ("rle",)
    exact_shapes: tuple[Shape, ...] = ()
    images_folder: str = "images"
    names_images: bool = True
