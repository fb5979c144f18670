"""What was quarantined, in words: reasons with counts and the first keys."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator

from infra.errors import InfraError
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import QuarantinedSample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage

_KEYS_SHOWN = 3
_REASONS_SHOWN = 3
_SHARDS_TO_LOOK_AT = 8


def in_words(quarantined: Iterable[tuple[str, str]]) -> str:
    """Pairs of reason and sample key as `missing_mask 12 ('a', 'b', 'c', ...), empty_object 1 ('d')`, most first."""
    keys_of: dict[str, list[str]] = defaultdict(list)
    for reason, key in quarantined:
        keys_of[reason].append(key)
    most = sorted(keys_of.items(), key=lambda item: -len(item[1]))[:_REASONS_SHOWN]
    return ", ".join(f"{reason} {len(keys)} ({_first(keys)})" for reason, keys in most)


def quarantined_in(dataset: DatasetManifest, storage: Storage) -> Iterator[tuple[str, str]]:
    """Yield reason and sample key of the records in the first shards that have any."""
    with_records = [shard for shard in dataset.shards if shard.quarantined != 0]
    for shard in with_records[:_SHARDS_TO_LOOK_AT]:
        try:
            for item in read_shard(storage, dataset.shard_url(shard), shard):
                if isinstance(item, QuarantinedSample):
                    yield str(item.reason), item.key
        except InfraError:
            continue  # the run tells what is wrong with a shard


def _first(keys: list[str]) -> str:
    shown = list(dict.fromkeys(keys))
    more = ", ..." if len(shown) > _KEYS_SHOWN else ""
    return ", ".join(repr(key) for key in shown[:_KEYS_SHOWN]) + more
