"""Which file of a source holds its annotations, and which of its images a split means."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import PurePosixPath

from infra.errors import LayoutError
from infra.layouts.coco_document import parse_json
from infra.layouts.coco_lookalikes import lookalike
from infra.layouts.layout_errors import annotation_files, is_annotation_file, wrong_layout
from infra.layouts.source_note import SourceNote, Topic
from infra.storage.files import Storage, join, relative_to

LAYOUT = "coco (or lvis)"
_USUAL_NAMES = ("instances", "lvis")
_MOST_OPENED = 8  # JSON files, to see which of them are COCO's
_LARGEST_OPENED = 2**24  # bytes; a larger one is taken for COCO's
_MOST_SHOWN = 5
_READ = "the annotation file that was read"
_NOT_READ = "JSON files beside the annotation file"


def choose_annotations(
    source_url: str, storage: Storage, split: str | None
) -> tuple[str, str | None, tuple[SourceNote, ...]]:
    """Return the URL of the annotation file, the split if it is a list of images, and what is to be told.

    Raises:
        LayoutError: there is no annotation file, or several and no split that tells them apart.

    """
    found = annotation_files(source_url, storage)
    if split is not None:
        of_split = _of_split(
            [*found, *_json_files(join(source_url, split), storage, source_url)], source_url, split
        )
        if of_split:
            url = _only_one(source_url, of_split, storage)
            return url, None, (_note(Topic.READ, _READ, url, source_url),)
    if not any(_is_usual(url) or not _lookalike(url, storage) for url in found[:_MOST_OPENED]):
        # further down, as Roboflow has them (`train/_annotations.coco.json`), or in an unpacked archive
        found = [url for url in storage.walk(source_url) if is_annotation_file(relative_to(url, source_url))]
    if not found:
        expected = "an annotation file such as instances.json, in the source or in annotations/"
        raise wrong_layout(LAYOUT, source_url, storage, expected)
    of_split = [] if split is None else _of_split(found, source_url, split)
    usual = [url for url in found if _is_usual(url)]
    url = _only_one(source_url, of_split or usual or found, storage)
    notes = [_note(Topic.READ, _READ, url, source_url)]
    if split is None:
        notes += [_note(Topic.LEFT_OUT, _NOT_READ, other, source_url) for other in found if other != url]
    return url, None if of_split else split, tuple(notes)


def _json_files(folder: str, storage: Storage, source_url: str) -> list[str]:
    """List the JSON files of the folder of a split; none if the split is a URL or a path that leaves the source."""
    path = relative_to(folder, source_url)
    if "://" in path or ".." in path.split("/"):
        return []
    return [url for url in storage.list(folder) if is_annotation_file(relative_to(url, source_url))]


def _of_split(urls: Sequence[str], source_url: str, split: str) -> list[str]:
    """Return the files that a split means, by the first rule that one of them meets."""
    rules: tuple[Callable[[str], bool], ...] = (
        lambda url: split in {_stem(url), relative_to(url, source_url)},
        lambda url: _is_usual(url) and _stem(url).endswith(f"_{split}"),
        lambda url: split in PurePosixPath(relative_to(url, source_url)).parts[:-1],
        lambda url: _stem(url).endswith((f"_{split}", f"-{split}", f".{split}")),
    )
    for rule in rules:
        of_split = [url for url in urls if rule(url)]
        if of_split:
            return of_split
    return []


def _only_one(source_url: str, urls: Sequence[str], storage: Storage) -> str:
    if len(urls) == 1:
        return urls[0]
    others = {url: _lookalike(url, storage) for url in urls[:_MOST_OPENED]}
    candidates = [url for url, meaning in others.items() if not meaning]
    if len(candidates) == 1 and len(urls) <= _MOST_OPENED:
        return candidates[0]
    names = [relative_to(url, source_url) for url in urls]
    if not candidates:
        raise LayoutError(
            f"{source_url} has {len(urls)} JSON files, and {names[0]} is no instances file of COCO: it is "
            f"{others[urls[0]]}"
        )
    shown = ", ".join(names[:_MOST_SHOWN]) + (", ..." if len(names) > _MOST_SHOWN else "")
    raise LayoutError(
        f"{source_url} has several annotation files ({shown}): choose one with --split, such as --split "
        f"{_split_of(relative_to(candidates[0], source_url))}"
    )


def _lookalike(url: str, storage: Storage) -> str:
    """Say what a JSON file is if it is not COCO's; "" for a large one, which is not opened."""
    if storage.size(url) > _LARGEST_OPENED:
        return ""
    try:
        return lookalike(parse_json(storage.read_bytes(url), url))
    except LayoutError as error:
        return str(error)


def _split_of(path: str) -> str:
    stem, folder = _stem(path), PurePosixPath(path).parent.name
    if stem.startswith(_USUAL_NAMES) and "_" in stem:
        return stem.partition("_")[2]
    return folder if folder not in {"", "annotations"} else stem


def _is_usual(url: str) -> bool:
    return _stem(url).startswith(_USUAL_NAMES)


def _note(topic: Topic, text: str, url: str, source_url: str) -> SourceNote:
    return SourceNote(topic, text, relative_to(url, source_url))


def _stem(url: str) -> str:
    return PurePosixPath(url).stem
