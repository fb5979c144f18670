"""A JSON file of COCO to start from: instances, which name their images, or a list of results, which does not."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from infra.errors import StartError
from infra.layouts.coco_document import compact_rings, identity_of, is_true, names_of, side_of
from infra.layouts.coco_document import shown as shown_entry
from infra.layouts.coco_image_files import ImagePlaces
from infra.layouts.coco_lookalikes import lookalike
from infra.layouts.coco_names import composed, is_absolute, spellings_of
from infra.shards.file_names import image_suffixes
from infra.storage.files import Storage, basename

_MEANT = "an instances file (`images` and `annotations`) or a list of results ({image_id, segmentation or bbox, score})"
_BEGINNING = 256
_OF_OTHER_TASKS = {"caption", "segments_info"}


@dataclass(frozen=True, slots=True)
class StartEntry:
    """An annotation or a result, as it stands in the file but for its ids, which are text ("" if there is none)."""

    entry_id: str
    image_id: str
    segmentation: object
    box: object
    score: object
    is_crowd: bool


@dataclass(frozen=True, slots=True)
class StartImage:
    """An image that a file names. Height and width are 0 if not said.

    paths: without suffix; the key of a sample may be the end of one. () if the name is relative: it is the key itself.
    """

    key: str
    paths: tuple[str, ...]
    height: int
    width: int


@dataclass(frozen=True, eq=False)
class CocoFile:
    """The images of a file by their ids, and its entries in order. A list of results has no images."""

    url: str
    is_results: bool
    images: Mapping[str, StartImage]
    entries: list[StartEntry]

    def place(self) -> Callable[[int], str]:
        """Return what says where entry i stands, and holds no entries."""
        listed = f"{self.url} " if self.is_results else f"{self.url} annotations"
        return lambda index: f"{listed}[{index}]"


def is_list_of_results(storage: Storage, url: str) -> bool:
    """Tell whether a JSON file begins as a list; no more than its beginning is read."""
    with storage.open_ranges(url) as stream:
        return stream.read(_BEGINNING).removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"[")


def read_coco_file(storage: Storage, url: str) -> CocoFile:
    """Read a file whole; while it is parsed, memory holds it a few times.

    Raises:
        StartError: it is no JSON, none of COCO's, or an entry or image lacks what it needs.

    """
    try:
        content = json.loads(storage.read_bytes(url), object_hook=_compact)
    except (ValueError, RecursionError) as error:
        raise StartError(f"{url} is no JSON ({error}): write it again") from None
    if isinstance(content, list) and all(isinstance(entry, StartEntry) for entry in content[:1]):
        return _checked(CocoFile(url, True, {}, content))
    # a list of images alone is of use too: it names the images of results
    annotations = content.get("annotations", []) if isinstance(content, dict) else None
    is_known = isinstance(content, dict) and isinstance(content.get("images"), list)
    if not is_known or not isinstance(annotations, list) or _is_foreign(content):
        meaning = lookalike(content) or "something else"
        raise StartError(f"{url} is no file to start from: it is {meaning}; it needs to be {_MEANT}")
    return _checked(CocoFile(url, False, _images(url, content["images"]), annotations))


def _is_foreign(content: Mapping[str, Any]) -> bool:
    """Tell whether annotations are those of another task, such as captions."""
    annotations = content.get("annotations", [])
    return bool(annotations) and not isinstance(annotations[0], StartEntry) and bool(lookalike(content))


def _compact(entry: dict[str, Any]) -> Any:
    """Keep what is needed of an annotation; a dictionary takes several times as much."""
    if "image_id" not in entry or entry.keys() & _OF_OTHER_TASKS:
        return entry
    entry = compact_rings(entry)
    return StartEntry(
        identity_of(entry.get("id")),
        identity_of(entry["image_id"]),
        entry.get("segmentation"),
        entry.get("bbox"),
        entry.get("score"),
        is_true(entry.get("iscrowd")),
    )


def _checked(file: CocoFile) -> CocoFile:
    place = file.place()
    for index, entry in enumerate(file.entries):
        if not isinstance(entry, StartEntry):
            raise StartError(
                f"{place(index)} is {shown_entry(entry)}: an entry needs an image_id; correct it or leave "
                "it out"
            )
        if not entry.image_id:
            raise StartError(f"{place(index)}: its image_id is no id: write a whole number or a text")
        if not file.is_results and entry.image_id not in file.images:
            raise StartError(
                f"{place(index)}: `images` has no entry with the id {entry.image_id}: add it, or leave the "
                "annotation out"
            )
    return file


def _images(url: str, entries: list[Any]) -> dict[str, StartImage]:
    folder = PurePosixPath(url).parent.name
    places = ImagePlaces.of(f"annotations/{basename(url)}" if folder == "annotations" else basename(url))
    images: dict[str, StartImage] = {}
    place_of_key: dict[str, int] = {}
    for index, entry in enumerate(entries):
        names = names_of(entry) if isinstance(entry, dict) else ()
        image_id = identity_of(entry.get("id")) if isinstance(entry, dict) else ""
        if not image_id or not names:
            raise StartError(
                f"{url} images[{index}] is {shown_entry(entry)}: an image entry needs an id, and a file_name or a "
                "coco_url; correct it or leave it out with its annotations"
            )
        if image_id in images:
            raise StartError(
                f"{url} images[{index}] has the id {image_id} of another entry: give each its own"
            )
        key, paths = _key_and_paths(names[0], places)
        if place_of_key.setdefault(key, index) != index:
            raise StartError(
                f"{url} images[{index}] has the key {key!r} of images[{place_of_key[key]}]: give each image an entry "
                "of its own"
            )
        sides = side_of(entry.get("height")), side_of(entry.get("width"))
        images[image_id] = StartImage(key, paths, *sides)
    return images


def _key_and_paths(name: str, places: ImagePlaces) -> tuple[str, tuple[str, ...]]:
    """Return the key of an image as layout `coco` gives it, and the absolute paths of which an end may be the key."""
    spellings = list(spellings_of(name))
    literal = "/".join(spellings[0].parts)
    key = composed(places.key_of_name(literal))
    if not is_absolute(name):
        return key, ()
    return key, tuple(dict.fromkeys(_without_suffix("/".join(spelling.parts)) for spelling in spellings))


def _without_suffix(path: str) -> str:
    suffix = PurePosixPath(path).suffix
    return composed(path.removesuffix(suffix)) if suffix.lower() in image_suffixes() else composed(path)
