"""The image files of a source folder by stem, what else lies there, and how one of them is opened."""

from __future__ import annotations

import unicodedata
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath

from infra.errors import Reason, SampleError, StorageError
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.file_names import NEED_A_PLUGIN, image_suffixes, is_hidden
from infra.shards.image_file import StoredImage, stored_image
from infra.shards.image_reading import ImageReading
from infra.storage.files import Storage, relative_to

HIDDEN = "hidden files and folders, and those of file managers and notebooks"
_HEIC_MISSING = "HEIC photographs, for which `pip install pillow-heif` is needed"
_COMPOSED = "names with composed letters (NFC), so that both ways of writing an accent are one name"


@dataclass(frozen=True)
class SourceFiles:
    """The files of a folder: path below it without suffix (NFC), to the URLs of that path, sorted by path.

    `notes` say what else lies there.
    """

    by_stem: Mapping[str, list[str]]
    notes: tuple[SourceNote, ...]


def list_images(storage: Storage, folder_url: str) -> SourceFiles:
    """List the image files under a folder."""
    return list_files(storage, folder_url, image_suffixes(), "no image file: ")


def list_files(storage: Storage, folder_url: str, suffixes: Collection[str], left_out: str) -> SourceFiles:
    """List the files under a folder whose suffix, in lower case, is one of `suffixes`.

    What is left out is told as `left_out` and the suffix.
    """
    found: dict[str, list[str]] = {}
    notes: list[SourceNote] = []
    for url in storage.walk(folder_url):
        path = PurePosixPath(relative_to(url, folder_url))
        suffix = path.suffix.lower()
        if is_hidden(path):
            notes.append(SourceNote(Topic.LEFT_OUT, HIDDEN, str(path)))
        elif suffix not in suffixes:
            text = (
                _HEIC_MISSING
                if suffix in NEED_A_PLUGIN
                else f"{left_out}{suffix or 'files without a suffix'}"
            )
            notes.append(SourceNote(Topic.LEFT_OUT, text, str(path)))
        else:
            stem = path.with_suffix("").as_posix()
            composed = unicodedata.normalize("NFC", stem)
            if composed != stem:
                notes.append(SourceNote(Topic.READ, _COMPOSED, composed))
            found.setdefault(composed, []).append(url)
    return SourceFiles(dict(sorted(found.items())), tuple(notes))


def only_file(stem: str, files: Mapping[str, list[str]], missing: Reason) -> str:
    """Return the one file of a stem; SampleError if there is none, or several."""
    urls = files.get(stem, [])
    if not urls:
        raise SampleError(missing, f"no file with the stem {stem}")
    if len(urls) > 1:
        raise SampleError(Reason.DUPLICATE_KEY, f"{len(urls)} files share the stem: {', '.join(urls)}")
    return urls[0]


def read_listed(url: str, storage: Storage, missing: Reason) -> bytes:
    """Read a file that a listing named.

    Raises:
        SampleError: it is a link to nothing, or was deleted meanwhile.
        StorageError: it cannot be read for another reason.

    """
    try:
        return storage.read_bytes(url)
    except StorageError:
        if storage.exists(url):
            raise
        raise SampleError(missing, f"{url} is a link to nothing, or was deleted meanwhile") from None


def read_image(url: str, storage: Storage, reading: ImageReading) -> StoredImage:
    """Read an image file that a listing named; SampleError if it is none."""
    return stored_image(read_listed(url, storage, Reason.MISSING_IMAGE), reading)


def image_notes(key: str, image: StoredImage) -> Iterator[SourceNote]:
    """Yield what is to be told of an image that became part of the sample `key`."""
    for remark in image.remarks:
        yield SourceNote(Topic.READ, remark, key)
