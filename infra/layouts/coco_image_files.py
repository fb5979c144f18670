"""The image files that the entries of an annotation file mean.

The path that an entry names is looked for in the usual folders: `images/`, `data/` (FiftyOne), `JPEGImages/`, the
folder of the split (`val2017/`, `images/val2017/`), that of the annotation file, and the source itself. What is not
there is looked for by its base name everywhere below the source, and each rule that was needed is told. A file that
one entry names by its path is never taken for another entry.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath

from infra.errors import LayoutError, Reason
from infra.layouts.coco_document import CocoImage
from infra.layouts.coco_names import Spelling, canonical, composed, relative_path, spellings_of
from infra.layouts.source_files import HIDDEN
from infra.layouts.source_note import SourceNote, Topic
from infra.shards.file_names import NEED_A_PLUGIN, image_suffixes, is_hidden
from infra.storage.files import Storage, basename, join, relative_to

_GENERIC = ("images", "data", "JPEGImages", "")
_MOST_FOLDERS = 8  # that are listed one by one
_MOST_SHOWN = 3
_COMPOSED = "names that differ from those of the files in how accents are composed (NFC, NFD)"
_CASE = "names that differ from those of the files in upper and lower case, or as .jpeg and .jpg do"
_DEEPER = "images found by their name in a folder below the usual ones"
_ELSEWHERE = "images found in the usual folders, and not in the folder that the annotation file says"
_CONTRADICTS = "images found by their base name alone, in another folder than the annotation file says"
_UNNAMED = "images that no entry of the annotation file names"
_NO_IMAGE = "no image file: "


@dataclass(frozen=True)
class FoundImage:
    """An entry whose file is known; `path` is below the source."""

    entry: CocoImage
    key: str
    path: str
    notes: tuple[SourceNote, ...] = ()


@dataclass(frozen=True)
class LostImage:
    """An entry that has no file, or shares it; `candidates` are paths that it may mean."""

    entry: CocoImage
    key: str
    reason: Reason
    detail: str
    candidates: tuple[str, ...] = ()


def locate_images(
    source_url: str, storage: Storage, annotations_url: str, entries: Sequence[CocoImage]
) -> tuple[list[FoundImage | LostImage], tuple[SourceNote, ...]]:
    """Find the files of all entries, and tell of the files beside them that no entry means.

    Raises:
        LayoutError: no entry has a file.

    """
    places = ImagePlaces.of(relative_to(annotations_url, source_url))
    files = _Files(source_url, storage, places, entries)
    located = [files.by_path(entry) for entry in entries]
    if any(isinstance(image, LostImage) and not image.candidates for image in located):
        files.list_all({image.path for image in located if isinstance(image, FoundImage)})
        located = [
            files.by_base_name(image) if isinstance(image, LostImage) and not image.candidates else image
            for image in located
        ]
        if all(isinstance(image, LostImage) and not image.candidates for image in located):
            raise LayoutError(_none_is_there(source_url, annotations_url, entries, files.paths))
    return _without_shared(located), tuple(_unused(located, files.paths, places))


@dataclass(frozen=True)
class ImagePlaces:
    """Folders of images below the source: those of this split, and those of any, by the folder that holds them.

    Of the folders in one group of `generic` no one goes before another.
    """

    specific: tuple[str, ...]
    generic: tuple[tuple[str, ...], ...]

    @classmethod
    def of(cls, annotations_path: str) -> ImagePlaces:
        """Return the folders that go with an annotation file; its path is below the source."""
        folder = PurePosixPath(annotations_path).parent
        base = folder.parent if folder.name == "annotations" else folder
        words = PurePosixPath(annotations_path).stem.split("_")
        splits = ["_".join(words[first:]) for first in range(1, len(words))]
        specific = [str(base / place) for split in splits for place in (f"images/{split}", split) if split]
        bases = dict.fromkeys((base, PurePosixPath()))
        generic = [tuple(str(base / place).removeprefix(".") for place in _GENERIC) for base in bases]
        return cls(tuple(specific), tuple(generic))

    @property
    def folders(self) -> tuple[str, ...]:
        """All of them."""
        return (*self.specific, *(place for group in self.generic for place in group))

    def key_of(self, path: str) -> str:
        """Return the path below its folder of images, without suffix and with composed letters."""
        inside = [place for place in self.folders if place and path.startswith(f"{place}/")]
        below = path[len(max(inside, key=len)) + 1 :] if inside else path
        return composed(below.removesuffix(PurePosixPath(below).suffix))

    def key_of_name(self, name: str) -> str:
        """Return the key of an image whose file is where its name says; the name itself if that is no path."""
        return self.key_of(relative_path(name)) or name

    def holds(self, folder: str) -> bool:
        """Tell whether a folder is one of them."""
        return folder in self.folders


class _Files:
    """The files below a source, as far as they had to be listed."""

    def __init__(
        self, source_url: str, storage: Storage, places: ImagePlaces, entries: Iterable[CocoImage]
    ) -> None:
        self._source_url, self._storage, self._places = source_url, storage, places
        self._claimed: set[str] = set()
        self._by_base: dict[str, list[str]] = {}
        self._by_stem: dict[str, str] = {}
        paths = (relative_path(name) for entry in entries for name in entry.names)
        named = {path.partition("/")[0] for path in paths if "/" in path}
        self.paths: set[str] = set()
        if len(named) > _MOST_FOLDERS:
            self._add(storage.walk(source_url))
            return
        folders = {place for place in places.folders if place} | named
        self._add(storage.list(source_url))
        for folder in sorted(folders):
            if not any(f"{folder}/".startswith(f"{other}/") for other in folders - {folder}):
                self._add(storage.walk(join(source_url, folder)))

    def _add(self, urls: Iterable[str]) -> None:
        self.paths.update(relative_to(url, self._source_url) for url in urls)

    def list_all(self, claimed: set[str]) -> None:
        """List the whole source; `claimed` are the paths that entries name by their path."""
        self._add(self._storage.walk(self._source_url))
        self._claimed = claimed
        for path in sorted(self.paths):
            if not is_hidden(PurePosixPath(path)):
                self._by_base.setdefault(canonical(basename(path)), []).append(path)
                self._by_stem.setdefault(_stem(path), path)

    def by_path(self, entry: CocoImage) -> FoundImage | LostImage:
        """Look for the paths of an entry in the usual folders."""
        key = self._places.key_of_name(entry.names[0])
        paths = [path for path in map(relative_path, entry.names) if path]
        for path in paths:
            for place in self._places.specific:
                if _below(place, path) in self.paths:
                    return FoundImage(entry, key, _below(place, path))
            for group in self._places.generic:
                found = [_below(place, path) for place in group if _below(place, path) in self.paths]
                if len(found) == 1:
                    return FoundImage(entry, key, found[0])
                if found:
                    return _of_several(entry, key, found)
        return LostImage(entry, key, Reason.MISSING_IMAGE, f"no file {entry.names[0]}")

    def by_base_name(self, lost: LostImage) -> FoundImage | LostImage:
        """Look for an entry that has no file by its path everywhere below the source."""
        for name in lost.entry.names:
            for spelling in spellings_of(name):
                paths, texts = self._alike(spelling)
                if len(paths) > 1:
                    return _of_several(lost.entry, lost.key, paths)
                if paths:
                    return self._found(lost, spelling, paths[0], texts)
        base = next(spellings_of(lost.entry.names[0])).parts[-1]
        detail = f"no file {lost.entry.names[0]}, and none called {base} below the source"
        alike = self._by_stem.get(_stem(base), self._by_stem.get(base.casefold()))
        if alike is not None:
            detail = f"{detail}; {alike} has the same stem: if it is the image, write its name as file_name"
        taken = [path for path in self._by_base.get(canonical(base), []) if path in self._claimed]
        if taken:
            detail = f"{lost.detail}; {taken[0]} is what another entry names by its path"
        return LostImage(lost.entry, lost.key, lost.reason, detail)

    def _alike(self, spelling: Spelling) -> tuple[list[str], tuple[str, ...]]:
        """Return the paths that agree best with a spelling, and what is to be told of their base name."""
        base = spelling.parts[-1]
        paths = [path for path in self._by_base.get(canonical(base), []) if path not in self._claimed]
        texts: tuple[str, ...] = (_CASE,)
        for same, told in (
            ([path for path in paths if basename(path) == base], ()),
            ([path for path in paths if composed(basename(path)) == composed(base)], (_COMPOSED,)),
        ):
            if same:
                paths, texts = same, told
                break
        best = max((_num_common(spelling.parts, path) for path in paths), default=0)
        return [path for path in paths if _num_common(spelling.parts, path) == best], texts

    def _found(self, lost: LostImage, spelling: Spelling, path: str, texts: tuple[str, ...]) -> FoundImage:
        is_elsewhere = spelling.is_foreign or spelling.is_renamed
        key = self._places.key_of(path if is_elsewhere else "/".join(spelling.parts))
        told = [(Topic.READ, text) for text in (*spelling.texts, *texts)]
        told += self._told_of_folder(spelling, path)
        return FoundImage(lost.entry, key, path, tuple(SourceNote(topic, text, key) for topic, text in told))

    def _told_of_folder(self, spelling: Spelling, path: str) -> Iterator[tuple[Topic, str]]:
        num_common = _num_common(spelling.parts, path)
        parts = path.split("/")
        above = "/".join(parts[: len(parts) - num_common])
        if num_common == len(spelling.parts):
            if not self._places.holds(above) and not spelling.is_foreign:
                yield Topic.READ, _DEEPER
        elif self._places.holds("/".join(parts[:-1])):
            if not spelling.is_foreign:
                yield Topic.READ, _ELSEWHERE
        elif not (spelling.is_foreign and num_common > 1):
            yield Topic.DOUBT, _CONTRADICTS


def _stem(path: str) -> str:
    return PurePosixPath(path).stem.casefold()


def _below(place: str, path: str) -> str:
    return f"{place}/{path}" if place else path


def _num_common(parts: Sequence[str], path: str) -> int:
    """Count the last parts that two paths have in common, whatever their case."""
    pairs = zip(reversed(parts), reversed(path.split("/")), strict=False)
    count = 0
    for one, other in pairs:
        if canonical(one) != canonical(other):
            break
        count += 1
    return count


def _of_several(entry: CocoImage, key: str, paths: list[str]) -> LostImage:
    names = ", ".join(paths[:_MOST_SHOWN]) + (", ..." if len(paths) > _MOST_SHOWN else "")
    detail = (
        f"{len(paths)} files may be {entry.names[0]}: {names}; write the path below the source as file_name"
    )
    return LostImage(entry, key, Reason.DUPLICATE_KEY, detail, tuple(paths))


def _without_shared(located: Sequence[FoundImage | LostImage]) -> list[FoundImage | LostImage]:
    """Set aside entries that share their id, their file or their key: which of them is right nobody can tell."""
    groups: dict[tuple[str, str], list[FoundImage | LostImage]] = {}
    for image in located:
        for kind, value in _identities(image):
            groups.setdefault((kind, value), []).append(image)
    checked: list[FoundImage | LostImage] = []
    for image in located:
        shared = [
            (kind, value, groups[kind, value])
            for kind, value in _identities(image)
            if len(groups[kind, value]) > 1
        ]
        if shared:
            kind, value, of = shared[0]
            names = ", ".join(f"{other.entry.place} {other.entry.names[0]}" for other in of[:_MOST_SHOWN])
            detail = f"{len(of)} entries of `images` have the {kind} {value} ({names}): give each its own"
            checked.append(LostImage(image.entry, image.key, Reason.DUPLICATE_KEY, detail))
        else:
            checked.append(image)
    return checked


def _identities(image: FoundImage | LostImage) -> tuple[tuple[str, str], ...]:
    of_entry = ("id", image.entry.image_id)
    return (
        (of_entry, ("file", image.path), ("key", image.key)) if isinstance(image, FoundImage) else (of_entry,)
    )


def _unused(
    located: Iterable[FoundImage | LostImage], paths: Iterable[str], places: ImagePlaces
) -> Iterator[SourceNote]:
    """Tell of the files in the folders of images that no entry means."""
    used: set[str] = set()
    folders: set[str] = set()
    for image in located:
        used.update([image.path] if isinstance(image, FoundImage) else image.candidates)
    for path in used:
        above = [str(parent) for parent in PurePosixPath(path).parents]
        folders.add(next((folder for folder in above if folder != "." and places.holds(folder)), above[0]))
    for path in sorted(set(paths) - used):
        pure = PurePosixPath(path)
        above = [str(parent) for parent in pure.parents]
        is_beside = above[0] in folders or any(folder in folders for folder in above[:-1])
        if not is_beside:
            continue
        suffix = pure.suffix.lower()
        if is_hidden(pure):
            yield SourceNote(Topic.LEFT_OUT, HIDDEN, path)
        elif suffix in image_suffixes() | NEED_A_PLUGIN:
            yield SourceNote(Topic.LEFT_OUT, _UNNAMED, path)
        elif suffix != ".json" and above[0] != ".":  # beside the folders lies what describes the set
            yield SourceNote(Topic.LEFT_OUT, f"{_NO_IMAGE}{suffix or 'files without a suffix'}", path)


def _none_is_there(
    source_url: str, annotations_url: str, entries: Sequence[CocoImage], paths: Iterable[str]
) -> str:
    present = sorted(path for path in paths if PurePosixPath(path).suffix.lower() in image_suffixes())
    there = (
        f"of {len(present):,} image files the first is {present[0]}" if present else "there is no image file"
    )
    return (
        f"none of the {len(entries)} images of {annotations_url} is in {source_url}: the file says "
        f"{entries[0].names[0]!r}, and {there}; images belong into images/ or where the file says"
    )
