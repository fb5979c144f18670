"""A look at the beginning of a data set's shards before a job starts: is there anything to do, and how is it read."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from itertools import islice

from infra.errors import InfraError, Reason
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.sample import QuarantinedSample
from infra.shards.shard_note import NoteCount, NoteTally
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage

_NUM_SHARDS = 8
_NUM_ITEMS = 200  # of all of these shards: their images are read as well
_KEYS_SHOWN = 3


@dataclass(frozen=True)
class Glance:
    """What was seen. `quarantined` counts records by reason, with the first keys; `is_whole`: nothing was left unread.

    `notes` are those of the samples that were looked at, so their counts are no totals.
    """

    num_shards: int
    num_samples: int
    num_objects: int
    quarantined: Mapping[Reason, tuple[int, tuple[str, ...]]]
    notes: tuple[NoteCount, ...]
    is_whole: bool

    @property
    def has_objects(self) -> bool:
        """Tell whether a mask was seen, or the record of one that cannot be used."""
        return bool(self.num_objects or self.quarantined)

    def __str__(self) -> str:
        """Say what was seen in a data set that cannot be used, in one line."""
        of = "" if self.is_whole else "the beginning of "
        shards = f"{self.num_shards:,} shard{'' if self.num_shards == 1 else 's'}"
        parts = [f"{self.num_samples:,} samples with {self.num_objects:,} objects in {of}{shards}"]
        parts += [
            f"{count:,} {reason} ({', '.join(keys)}{', ...' if count > len(keys) else ''})"
            for reason, (count, keys) in self.quarantined.items()
        ]
        return "; ".join([*parts, *map(str, self.notes)])


def look_into(dataset: DatasetManifest, storage: Storage) -> Glance:
    """Read the beginnings of some shards, from the first to the last, until an object or a record is met.

    A later shard that cannot be read is passed over: a run says of it what is wrong, and does the others.

    Raises:
        DatasetError: the first shard is broken, or its columns do not tell image or masks.
        StorageError: it cannot be read.

    """
    tally = NoteTally()
    keys: dict[Reason, list[str]] = {}
    num_shards = num_samples = num_objects = 0
    chosen = _spread(dataset.shards)
    is_whole = len(chosen) == len(dataset.shards)
    for shard in chosen:
        items = read_shard(storage, dataset.shard_url(shard), None, tally.add)
        num_shards += 1
        try:
            for item in islice(items, _NUM_ITEMS // len(chosen)):
                if isinstance(item, QuarantinedSample):
                    keys.setdefault(item.reason, []).append(item.key)
                else:
                    num_samples += 1
                    num_objects += len(item.objects)
                if num_objects:
                    return Glance(
                        num_shards, num_samples, num_objects, _by_reason(keys), tally.counts(), False
                    )
            is_whole = is_whole and next(items, None) is None
        except InfraError:
            if num_shards == 1:
                raise
            is_whole = False
        if keys:
            break
    is_whole = is_whole and num_shards == len(dataset.shards)
    return Glance(num_shards, num_samples, num_objects, _by_reason(keys), tally.counts(), is_whole)


def _by_reason(keys: Mapping[Reason, list[str]]) -> dict[Reason, tuple[int, tuple[str, ...]]]:
    return {
        reason: (len(of_reason), tuple(dict.fromkeys(of_reason))[:_KEYS_SHOWN])
        for reason, of_reason in sorted(keys.items(), key=lambda found: -len(found[1]))
    }


def _spread(shards: tuple[ShardEntry, ...]) -> list[ShardEntry]:
    """Return some shards, evenly spread, the first among them."""
    step = -(-len(shards) // _NUM_SHARDS)
    return list(shards[:: max(step, 1)])
