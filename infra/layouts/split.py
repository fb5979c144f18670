"""Which samples of a source are read: a split by name or by a list of stems."""

from __future__ import annotations

import codecs
import unicodedata
from collections.abc import Sequence

from infra.errors import LayoutError
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.file_names import image_suffixes
from infra.storage.files import Storage, join

_ENCODINGS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_WITH_SUFFIX = "lines of the list that are no stem but hold one: it was taken"


def chosen_stems(
    source_url: str, storage: Storage, split: str | None, present: Sequence[str], folder: str
) -> tuple[Sequence[str], tuple[SourceNote, ...]]:
    """Choose the stems that are read: all that are present, or those of a list in its order.

    A line may also be the path of a file, with a suffix and with `folder` before it, and go on behind a space.

    Args:
        source_url: the source folder.
        storage: opens it.
        split: a name NAME with NAME.txt in the source folder, or the URL of such a file; None: no list.
        present: the stems that the source has.
        folder: the folder of the images below the source, such as `images`.

    Returns:
        The stems, also those of lines that nothing belongs to, and what is to be told of them.

    Raises:
        LayoutError: there is no such list, nothing in it, or nothing in it that is present.

    """
    if split is None:
        return present, ()
    known = set(present)
    stems: list[str] = []
    notes: list[SourceNote] = []
    for line in listed_stems(source_url, storage, split):
        stem = line if line in known else _stem_of_path(line, folder, known)
        if stem != line:
            notes.append(SourceNote(Topic.READ, _WITH_SUFFIX, stem))
        stems.append(stem)
    if not known.intersection(stems):
        example = f", such as {min(known)}" if known else ""
        raise LayoutError(
            f"the list {split} names {len(stems)} samples, the first {stems[0]!r}, and none of them is in "
            f"{source_url}: it takes the path below {folder}/ without its suffix, one a line{example}"
        )
    return stems, tuple(notes)


def listed_stems(source_url: str, storage: Storage, split: str) -> list[str]:
    """Read the lines of a split, in the order of its list.

    Raises:
        LayoutError: there is no such list, or nothing in it.

    """
    candidates = [join(source_url, f"{split}.txt"), split] if "/" not in split else [split]
    for url in candidates:
        if storage.exists(url):
            stems = [line.strip() for line in _text(storage.read_bytes(url)).splitlines() if line.strip()]
            if not stems:
                raise LayoutError(f"the list {url} is empty: it takes the stem of one sample a line")
            return stems
    raise LayoutError(
        f"no list of the split {split!r} at {' or '.join(candidates)}: it takes one stem a line"
    )


def _text(data: bytes) -> str:
    for mark, encoding in _ENCODINGS:
        if data.startswith(mark):
            return data.decode(encoding, errors="replace")
    return data.decode("utf-8-sig", errors="surrogateescape")


def _stem_of_path(line: str, folder: str, known: set[str]) -> str:
    """Return the known stem that a path means; the line itself if there is none."""
    # a line may go on with the path of the mask, or with a number, as the lists of DAVIS and VOC do
    for text in dict.fromkeys((line, line.split(maxsplit=1)[0])):
        path = unicodedata.normalize("NFC", text.replace("\\", "/")).removeprefix("./").removeprefix("/")
        below = path.rpartition(f"{folder}/")[2] if f"/{folder}/" in f"/{path}" else path
        for name in (path, below):
            stem, dot, suffix = name.rpartition(".")
            without = stem if f"{dot}{suffix}".lower() in image_suffixes() else name
            for candidate in (name, without):
                if candidate in known:
                    return candidate
    return line
