"""The split that the path of a shard tells (train, test, ...), and how the shards of one split are given."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from infra.shards.shard_pattern import matching

_WORDS = frozenset(
    {"train", "training", "validation", "valid", "val", "dev", "test", "testing", "eval", "evaluation"}
)
# Hugging Face: data/train-00000-of-00002.parquet, also with a hash behind it
_COUNTED = re.compile(r"(?P<split>.+)-\d{5,}-of-\d{5,}(-[0-9a-f]{8,})?\.\w+")
_LETTERS = re.compile(r"[A-Za-z]+")


def split_of(name: str) -> str:
    """Return the split of a shard by its path below the data set, "" if the path tells none.

    The file counts before its folders, and a near folder before one above it.
    """
    *folders, base = name.split("/")
    found = next((word for part in (base, *reversed(folders)) if (word := _word(part))), "")
    counted = _COUNTED.fullmatch(base)
    return counted["split"] if counted is not None and not found else found


def splits_of(names: Iterable[str]) -> dict[str, list[str]]:
    """Return the shards that have a split by that, sorted."""
    found: dict[str, list[str]] = {}
    for name in names:
        if split := split_of(name):
            found.setdefault(split, []).append(name)
    return dict(sorted(found.items()))


def several_splits(url: str, splits: Mapping[str, Sequence[str]]) -> str:
    """Say which splits there are, and how one of them, or all, are given."""
    named = ", ".join(
        f"{split} ({len(names):,} shard{'s' if len(names) > 1 else ''})" for split, names in splits.items()
    )
    split, chosen = next(iter(splits.items()))
    pattern = _pattern(split, chosen, [name for names in splits.values() for name in names])
    suffix = chosen[0].rpartition(".")[2]
    return (
        f"{url} holds several splits: {named}: give one, in quotes, such as '{url}/{pattern}', or all as "
        f"'{url}/**/*.{suffix}'"
    )


def _pattern(split: str, chosen: Sequence[str], names: Sequence[str]) -> str:
    """Return a pattern that matches the shards of a split and no others; failing that, the path of its first."""
    *folders, base = chosen[0].split("/")
    suffix = base.rpartition(".")[2]
    end = base.find(split) + len(split)
    candidates = [
        "/".join([*folders[: depth + 1], "**", f"*.{suffix}"])
        for depth, folder in enumerate(folders)
        if _word(folder) == split
    ]
    if split in base:
        candidates.append("/".join([*folders, f"{base[: end + 1]}*.{suffix}"]))
        candidates.append(f"**/*{base[base.find(split) : end + 1]}*.{suffix}")
        candidates.append(f"**/*{split}*.{suffix}")
    return next((pattern for pattern in candidates if matching(pattern, names) == list(chosen)), chosen[0])


def _word(text: str) -> str:
    return next((word for word in _LETTERS.findall(text) if word.lower() in _WORDS), "")
