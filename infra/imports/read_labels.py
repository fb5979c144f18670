"""A whole file of corrected labels, an image once."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from infra.errors import LabelImportError
from infra.imports.format_names import ImportFormatName
from infra.imports.formats import FORMATS
from infra.imports.import_format import ImportFormat
from infra.imports.known_images import KnownImages
from infra.imports.label_source import LabelSource
from infra.imports.labelled_image import LabelledImage
from infra.storage.files import Storage

_HEAD_BYTES = 2**12
OLDER = "annotations of images that have a newer one"


@dataclass(frozen=True)
class CorrectedLabels:
    """What a file says.

    Attributes:
        format: of the file.
        images: by sample key, in the order of the file.
        left_out: what was not read and how often, in words.
    """

    format: ImportFormatName
    images: Mapping[str, LabelledImage]
    left_out: Counter[str]


def read_labels(
    storage: Storage, url: str, format_name: ImportFormatName | Literal["auto"], images: KnownImages
) -> CorrectedLabels:
    """Read a file. Memory holds its masks, compressed, and one entry of the file.

    Images that the run does not have are noted in `images`.

    Raises:
        LabelImportError: it is not of that format, or of none; an image or a mask in it does not fit the run.
        StorageError: it cannot be read.
    """
    known = _recognised(storage, url) if format_name == "auto" else FORMATS[format_name]
    source = LabelSource(storage, url, images)
    found: dict[str, LabelledImage] = {}
    for image in known.read(source):
        before = found.get(image.key)
        if before is not None:
            if not known.has_versions:
                raise LabelImportError(
                    f"{image.place} is another entry of the image of sample {image.key!r}, beside {before.place}: "
                    "export each image once"
                )
            source.left_out[OLDER] += 1
        if before is None or image.edited >= before.edited:
            found[image.key] = image
    return CorrectedLabels(known.name, found, source.left_out)


def _recognised(storage: Storage, url: str) -> ImportFormat:
    with storage.open_read(url) as stream:
        head = stream.read(_HEAD_BYTES)
    for known in FORMATS.values():
        if known.recognises(head):
            return known
    raise LabelImportError(
        f"{url} is no file of {', '.join(FORMATS)}: give the JSON or XML that the program has exported, unpacked"
    )
