"""Samples of several shards that share a key: shards of other programs may have some, those of `mfp shard` never."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import pyarrow as pa
import pyarrow.compute as pc


@dataclass(frozen=True)
class RepeatedKey:
    """A sample key and the first two shards that have a sample of it."""

    sample_key: str
    first: str
    second: str

    def __str__(self) -> str:
        return f"{self.sample_key!r} in {self.first} and {self.second}"


def repeated_keys(parts: Iterable[tuple[str, pa.Array | pa.ChunkedArray]]) -> Iterator[RepeatedKey]:
    """Yield each sample key that several parts have; a part is a shard's name and its column of keys."""
    shard_of: dict[str, str] = {}
    told: set[str] = set()
    for shard, column in parts:
        for key in pc.unique(column).to_pylist():
            first = shard_of.setdefault(key, shard)
            if first != shard and key not in told:
                told.add(key)
                yield RepeatedKey(key, first, shard)
