"""Reads the samples of a training stream, still encoded, in the order of the stream."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from actors.training.job import TrainingPool
from actors.training.usable_objects import usable_objects
from infra.errors import DatasetError
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.sample import Sample
from infra.shards.sample_document import ShardItem
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from mfp.training.sample_order import Place, block_size


@dataclass
class _OpenShard:
    """A shard on its way from its first sample to its last: the present block, and what came before it."""

    shard: int
    items: Iterator[ShardItem]
    block_idx: int = -1
    block: list[Sample] = field(default_factory=list)
    usable_before: Sample | None = None  # the last usable sample before the block


class SampleReader:
    """Samples by their place. Keeps one block per lane; places of a lane come in the order of the stream."""

    def __init__(self, pools: tuple[TrainingPool, ...], storage: Storage, smallest_object: int) -> None:
        self._storage = storage
        self._smallest = smallest_object
        self._shards = [
            [(dataset, shard) for dataset in pool.datasets for shard in dataset.shards] for pool in pools
        ]
        self._block_sizes = [block_size(pool.shard_sizes) for pool in pools]
        self._open: dict[tuple[int, int], _OpenShard] = {}  # by pool and lane

    def read(self, place: Place) -> Sample | None:
        """The sample at a place, or, where no object of it is large enough, another one in its stead.

        That is the nearest one before it in its shard that has such an object, or else the first one after it
        in its block, whoever reads it. None if there is none.

        Raises:
            DatasetError, StorageError: the shard cannot be read, or holds fewer samples than its manifest says.
        """
        opened = self._block(place)
        index = place.sample - place.block * self._block_sizes[place.pool]
        if index >= len(opened.block):
            dataset, shard = self._shards[place.pool][place.shard]
            raise DatasetError(
                f"shard {dataset.shard_url(shard)} holds fewer samples than its data set says: shard it again"
            )
        earlier = reversed(opened.block[: index + 1])
        found = self._first_usable(earlier) or opened.usable_before
        return found or self._first_usable(iter(opened.block[index + 1 :]))

    def _block(self, place: Place) -> _OpenShard:
        lane = place.pool, place.lane
        opened = self._open.get(lane)
        if opened is None or opened.shard != place.shard or opened.block_idx > place.block:
            opened = self._open[lane] = _OpenShard(place.shard, self._items(place))
        while opened.block_idx < place.block:
            opened.usable_before = self._first_usable(reversed(opened.block)) or opened.usable_before
            size = self._block_sizes[place.pool]
            opened.block = [item for _, item in zip(range(size), _samples(opened.items), strict=False)]
            opened.block_idx += 1
        return opened

    def _items(self, place: Place) -> Iterator[ShardItem]:
        dataset, shard = self._shards[place.pool][place.shard]
        return read_shard(self._storage, dataset.shard_url(shard), shard)

    def _first_usable(self, samples: Iterator[Sample]) -> Sample | None:
        return next((sample for sample in samples if has_object(sample, self._smallest)), None)


def has_object(sample: Sample, smallest: int) -> bool:
    """Whether an object of so many pixels is in the sample, at the size it is worked on."""
    return bool(usable_objects(sample, smallest))


def num_samples(storage: Storage, dataset: DatasetManifest, shard: ShardEntry) -> int:
    """Samples in a shard that no one has counted: reads it."""
    return sum(isinstance(item, Sample) for item in read_shard(storage, dataset.shard_url(shard), shard))


def _samples(items: Iterator[ShardItem]) -> Iterator[Sample]:
    return (item for item in items if isinstance(item, Sample))
