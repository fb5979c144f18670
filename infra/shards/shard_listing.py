"""The shards that a folder, a pattern or the address of one shard names, if no `dataset.json` does."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Literal, TypeAlias

from infra.errors import DatasetError
from infra.shards.file_names import image_suffixes
from infra.shards.shard_pattern import folder_and_pattern, has_braces, is_pattern, matching
from infra.shards.splits import several_splits, splits_of
from infra.storage.files import FileInfo, Storage, basename, relative_to

Kind: TypeAlias = Literal["tar", "parquet"]

_COMPRESSED = (".tar.gz", ".tgz", ".tar.bz2", ".tbz2", ".tar.xz", ".txz", ".tar.zst", ".tzst")
_SUFFIXES_SHOWN = 4


@dataclass(frozen=True)
class ListedShards:
    """Shards by their paths below `url`, of one kind."""

    url: str
    files: Sequence[tuple[str, FileInfo]]
    kind: Kind


def kind_of(name: str) -> Kind | None:
    """Return what kind of shard a file is by its name; None if it is none."""
    if basename(name).startswith("."):
        return None
    return "tar" if name.endswith(".tar") else "parquet" if name.endswith(".parquet") else None


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
    listed = _of_one_kind(url, url, [(relative_to(info.url, url), info) for info in storage.walk_info(url)])
    splits = splits_of(name for name, _ in listed.files)
    if len(splits) > 1:
        raise DatasetError(several_splits(url, splits))
    return listed


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
        remedy = "shards end in lower-case .tar or .parquet"
    elif suffixes & image_suffixes():
        remedy = "images become shards with mfp shard"
    else:
        remedy = "see mfp shard"
    return f", but {named}; {remedy}"
