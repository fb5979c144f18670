"""Which samples of a source are read: a split by name or by a list of stems."""

from __future__ import annotations

import codecs
import re
import unicodedata
from collections.abc import Sequence
from pathlib import PurePosixPath

from infra.errors import LayoutError
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.file_names import image_suffixes
from infra.storage.files import Storage, join

_ENCODINGS = ((codecs.BOM_UTF16_LE, "utf-16"), (codecs.BOM_UTF16_BE, "utf-16"))
_CLASS_MARKS = {"-1", "0", "1"}
_WITH_SUFFIX = "lines of the list that are no stem but hold one: it was taken"


def chosen_stems(
    source_url: str, storage: Storage, split: str | None, present: Sequence[str], folder: str
) -> tuple[Sequence[str], tuple[SourceNote, ...]]:
    """Choose the stems that are read: all that are present, or those of a list in its order.

    A line may also be the path of a file, with a suffix and with `folder` before it. Behind a space it may go on with
    the path of the mask, as in DAVIS, or, as in VOC, with 1, 0 or -1 in every line. What else is behind a space is a
    part of the name: `my dog.jpg` never means `my`.

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
    lines = listed_stems(source_url, storage, split)
    are_numbered = all(line.split()[-1] in _CLASS_MARKS for line in lines)
    for line in lines:
        stem = line if line in known else _stem_of_path(line, folder, known, are_numbered=are_numbered)
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


def _stem_of_path(line: str, folder: str, known: set[str], *, are_numbered: bool) -> str:
    """Return the known stem that a path means; the line itself if there is none."""
    if stem := _known_stem(line, folder, known):
        return stem
    # names may have spaces as well, so that what is behind one has to tell that it is no part of the name
    for space in reversed(list(re.finditer(r"\s+", line))):
        before, behind = line[: space.start()], line[space.end() :]
        stem = _known_stem(before, folder, known)
        if not stem:
            continue
        is_path = "/" in behind or _without_suffix(before) != before
        if (is_path and _is_file_of(stem, behind)) or (are_numbered and behind in _CLASS_MARKS):
            return stem
    return line


def _known_stem(text: str, folder: str, known: set[str]) -> str:
    """Return the known stem that is a path, with or without suffix and the folders above; "" if there is none."""
    path = unicodedata.normalize("NFC", text.replace("\\", "/")).removeprefix("./").strip("/")
    below = path.rpartition(f"{folder}/")[2] if f"/{folder}/" in f"/{path}" else path
    for name in (path, below):
        for candidate in (name, _without_suffix(name)):
            if candidate in known:
                return candidate
    return ""


def _is_file_of(stem: str, text: str) -> bool:
    """Tell whether a path is that of a mask of a sample: called as it is, or a little longer (`a_mask.png`)."""
    path = unicodedata.normalize("NFC", text.replace("\\", "/"))
    name, of_sample = PurePosixPath(_without_suffix(path)).name, PurePosixPath(stem).name
    return name == of_sample or re.fullmatch(rf"{re.escape(of_sample)}[-_.]\S*", name) is not None


def _without_suffix(path: str) -> str:
    stem, dot, suffix = path.rpartition(".")
    return stem if f"{dot}{suffix}".lower() in image_suffixes() else path
