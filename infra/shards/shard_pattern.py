"""Addresses that choose some shards of a folder: `folder/data/test-*.parquet`, `folder/**/*.tar`."""

from __future__ import annotations

import re
from collections.abc import Iterable

from fsspec.utils import glob_translate

from infra.errors import DatasetError

_GLOB = re.compile(r"[*?\[]")
_BRACES = re.compile(r"\{\d+\.\.\d+\}")


def is_pattern(url: str) -> bool:
    """Tell whether an address may be a pattern: `*`, `?`, `[...]` as in a shell, `**` for any folders."""
    return _GLOB.search(url) is not None


def has_braces(url: str) -> bool:
    """Tell whether an address counts its shards in braces, as WebDataset does: `{000000..000099}`."""
    return _BRACES.search(url) is not None


def folder_and_pattern(url: str) -> tuple[str, str]:
    """Split an address into the folder above its first component with a pattern, and the pattern below that."""
    found = _GLOB.search(url)
    literal = url if found is None else url[: found.start()]
    folder, slash, _ = literal.rpartition("/")
    return folder or slash or ".", url[len(folder) + len(slash) :]


def matching(pattern: str, names: Iterable[str]) -> list[str]:
    """Return the paths that a pattern matches, by fsspec's rules; DatasetError if it is none."""
    try:
        expression = re.compile(glob_translate(pattern))
    except (ValueError, re.error) as error:
        raise DatasetError(f"{pattern} is no pattern of shards ({error})") from None
    return [name for name in names if expression.match(name)]
