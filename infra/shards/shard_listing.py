"""The shards that a folder, a pattern or the address of one shard names, if no `dataset.json` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from infra.errors import DatasetError
from infra.shards.file_names import image_suffixes, is_hidden
from infra.shards.shard_pattern import folder_and_pattern, has_braces, is_pattern, matching
from infra.shards.splits import several_splits, splits_of
from infra.storage.files import FileInfo, Storage, basename, relative_to

Kind: TypeAlias = Literal["tar", "parquet"]

_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
_SUFFIXES_SHOWN = 4
_NAMES_SHOWN = 3


@dataclass(frozen=True)
class ListedShards:
    """Shards by their paths below `url`, of one kind; `remarks`: what a person is told of the choice."""

    url: str
    files: Sequence[tuple[str, FileInfo]]
    kind: Kind
    remarks: tuple[str, ...] = ()


def kind_of(name: str) -> Kind | None:
    """Return what kind of shard a file is by its name; None if it is none."""
    if basename(name).startswith("."):
        return None
    suffix = PurePosixPath(name).suffix.lower()
    return "tar" if suffix == ".tar" else "parquet" if suffix == ".parquet" else None


def is_pattern_of_shards(storage: Storage, url: str) -> bool:
    """Tell whether an address is a pattern, and not the name of a file or folder that has such letters in it."""
    return is_pattern(url) and not storage.exists(url) and not storage.is_dir(url)


def list_shards(storage: Storage, url: str) -> ListedShards:
    """List the shards at an address.

    Raises:
        DatasetError: there are none, of two kinds, compressed ones, or those of several splits and no pattern that
            chooses among them.

    """
    if storage.exists(url):
        name = basename(url)
        return _of_one_kind(url, url.removesuffix(name).rstrip("/") or ".", [(name, storage.info(url))])
    if is_pattern_of_shards(storage, url):
        folder, pattern = folder_and_pattern(url)
        found = {relative_to(info.url, folder): info for info in storage.walk_info(folder)}
        return _of_one_kind(url, folder, [(name, found[name]) for name in matching(pattern, found)])
    files = [(relative_to(info.url, url), info) for info in storage.walk_info(url)]
    listed = _of_one_kind(url, url, files)
    splits = splits_of(name for name, _ in listed.files)
    if len(splits) > 1:
        raise DatasetError(several_splits(url, splits))
    return replace(listed, remarks=tuple(_remarks(listed, [name for name, _ in files], splits)))


def _remarks(
    listed: ListedShards, names: Sequence[str], splits: Mapping[str, Sequence[str]]
) -> Iterator[str]:
    shards = [name for name, _ in listed.files]
    others = set(names).difference(shards)
    others -= {name for name in others if is_hidden(PurePosixPath(name))}
    if others:
        yield (
            f"beside the {len(shards):,} shards lie {len(others):,} other files, which are not read "
            f"({_named(others)})"
        )
    for split, of_split in splits.items():
        unsplit = set(shards).difference(of_split)
        if unsplit:
            yield (
                f"{len(of_split):,} shards are of the split {split} by their names, {len(unsplit):,} tell of none "
                f"({_named(unsplit)}): all are read; a pattern in quotes chooses"
            )


def _named(names: Collection[str]) -> str:
    shown = sorted(names)[:_NAMES_SHOWN]
    return ", ".join(shown) + (", ..." if len(names) > len(shown) else "")


def _of_one_kind(given: str, url: str, files: Sequence[tuple[str, FileInfo]]) -> ListedShards:
    compressed = [name for name, _ in files if name.lower().endswith(_COMPRESSED)]
    if compressed:
        raise DatasetError(
            f"{given} holds {len(compressed)} compressed tars, such as {compressed[0]}: shards are read as they are, "
            "so unpack them to .tar (gunzip for .gz), or choose others, in quotes: '.../*.tar'"
        )
    shards = [(name, info) for name, info in files if kind_of(name)]
    kinds = {kind for name, _ in shards if (kind := kind_of(name))}
    if not kinds:
        raise DatasetError(
            f"no data set at {given}: no dataset.json, no .tar, no .parquet{_what_else(given, files)}"
        )
    if len(kinds) > 1:
        raise DatasetError(f"{given} holds both .tar and .parquet files: name the folder of one kind")
    return ListedShards(url, shards, kinds.pop())


def _what_else(given: str, files: Sequence[tuple[str, FileInfo]]) -> str:
    """Say what is there in the place of shards, and the remedy."""
    if has_braces(given):
        return "; braces are not read: give a pattern, in quotes, such as 'shards/*.tar'"
    if not files:
        return "; see mfp shard"
    counts = Counter(PurePosixPath(name).suffix or "without a suffix" for name, _ in files)
    suffixes = {suffix.lower() for suffix in counts}
    named = ", ".join(f"{count:,} {suffix}" for suffix, count in counts.most_common(_SUFFIXES_SHOWN))
    if ".arrow" in suffixes:
        remedy = "Arrow files, as `save_to_disk` of datasets leaves them, become Parquet with `to_parquet`"
    elif suffixes & {".tar", ".parquet"}:
        remedy = "files whose names begin with a dot are no shards"
    elif suffixes & image_suffixes():
        remedy = "images become shards with mfp shard"
    else:
        remedy = "see mfp shard"
    return f", but {named}; {remedy}"
