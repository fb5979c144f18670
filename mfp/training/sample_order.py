"""In which order samples are trained on: a function of the data's sizes, the seed and the epoch, not of the workers.

An endless stream of numbered samples. Global batch b holds the numbers b * B to b * B + B - 1, whoever computes them;
of W workers, worker r takes every W-th sample of a batch. Shards are dealt to lanes, and the stream takes a sample from
each lane in turn: where W divides the number of lanes, a worker opens the shards of its own lanes and no others.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

MAX_LANES = 16
SHUFFLED_SAMPLES = 2048
"""Samples that are shuffled with each other, all lanes together; a reader holds no more than these, encoded."""

_MIXED_AT_ONCE = 4096
_MIX, _EPOCH = 1, 2  # what a draw is for: part of its key


@dataclass(frozen=True)
class Place:
    """Where a sample of the stream lies.

    Attributes:
        pool: index of the pool.
        lane: of the pool; a lane's blocks follow each other, so a reader keeps one block per lane.
        shard: index of the shard in its pool.
        block: samples block * block_size and on of the shard are shuffled among themselves.
        sample: index in the shard.
    """

    pool: int
    lane: int
    shard: int
    block: int
    sample: int


@dataclass(frozen=True, eq=False)
class EpochOrder:
    """Every sample of a pool once. Columns of (N,) int64 by position in the epoch: lane, shard, sample."""

    lane: NDArray[np.int64]
    shard: NDArray[np.int64]
    sample: NDArray[np.int64]


def num_lanes(shard_sizes: Sequence[int]) -> int:
    """Lanes of a pool: as many as it has shards, 16 at most."""
    return min(MAX_LANES, len(shard_sizes))


def block_size(shard_sizes: Sequence[int]) -> int:
    """Samples of a shard that are shuffled among themselves."""
    return SHUFFLED_SAMPLES // num_lanes(shard_sizes)


def epoch_order(shard_sizes: Sequence[int], key: Sequence[int]) -> EpochOrder:
    """Shuffle a pool: shards are permuted and dealt to lanes, samples permuted inside blocks, lanes take turns.

    Args:
        shard_sizes: samples of each shard of the pool.
        key: of the draw: seed, pool and epoch.
    """
    rng = np.random.default_rng(key)
    lanes: list[list[NDArray[np.int64]]] = [[] for _ in range(num_lanes(shard_sizes))]
    size = block_size(shard_sizes)
    for turn, shard in enumerate(rng.permutation(len(shard_sizes))):
        for first in range(0, shard_sizes[shard], size):
            samples = rng.permutation(np.arange(first, min(first + size, shard_sizes[shard])))
            lanes[turn % len(lanes)].append(np.stack((np.full_like(samples, shard), samples)))
    columns = [
        np.concatenate((np.full((1, run.shape[1]), index), np.arange(run.shape[1])[None], run))
        for index, blocks in enumerate(lanes)
        for run in (np.concatenate(blocks, axis=1) if blocks else np.zeros((2, 0), np.int64),)
    ]
    lane, turn_of_lane, shard_idx, sample = np.concatenate(columns, axis=1)
    order = np.lexsort((lane, turn_of_lane))
    return EpochOrder(lane[order], shard_idx[order], sample[order])


class SampleOrder:
    """The endless stream over one pool, or over several that are mixed by share.

    A pool is visited epoch by epoch, each sample once an epoch. From which pool number n comes is drawn by the shares.
    """

    def __init__(self, pools: Sequence[Sequence[int]], shares: Sequence[float], seed: int) -> None:
        """Take the sizes of each pool's shards (at least one sample in every pool) and the pools' shares."""
        assert len(pools) == len(shares)
        assert all(sum(sizes) > 0 for sizes in pools), "an empty pool has no epoch"
        self._pools = [tuple(sizes) for sizes in pools]
        self._shares = np.array(shares, np.float64) / sum(shares)
        self._seed = seed

    def places(self, first: int) -> Iterator[Place]:
        """Where samples number `first`, `first` + 1, ... lie."""
        epochs: dict[int, tuple[int, EpochOrder]] = {}
        for pool, number in self._numbers_in_pools(first):
            sizes = self._pools[pool]
            epoch, position = divmod(number, sum(sizes))
            if pool not in epochs or epochs[pool][0] != epoch:
                epochs[pool] = epoch, epoch_order(sizes, (self._seed, _EPOCH, pool, epoch))
            order = epochs[pool][1]
            sample = int(order.sample[position])
            yield Place(
                pool,
                int(order.lane[position]),
                int(order.shard[position]),
                sample // block_size(sizes),
                sample,
            )

    def _numbers_in_pools(self, first: int) -> Iterator[tuple[int, int]]:
        """The pool of each number of the stream, and the number it has in its pool."""
        if len(self._pools) == 1:
            number = first
            while True:
                yield 0, number
                number += 1
        begun = first // _MIXED_AT_ONCE
        counts = np.zeros(len(self._pools), np.int64)
        for block in range(begun):
            counts += np.bincount(self._drawn_pools(block), minlength=len(counts))
        block = begun
        while True:
            for index, pool in enumerate(self._drawn_pools(block)):
                if block * _MIXED_AT_ONCE + index >= first:
                    yield int(pool), int(counts[pool])
                counts[pool] += 1
            block += 1

    def _drawn_pools(self, block: int) -> NDArray[np.int64]:
        rng = np.random.default_rng((self._seed, _MIX, block))
        return rng.choice(len(self._pools), _MIXED_AT_ONCE, p=self._shares)


def numbers_of_worker(batch_idx: int, batch_size: int, rank: int, num_workers: int) -> range:
    """The samples of a global batch that one worker computes."""
    first = batch_idx * batch_size
    return range(first + rank, first + batch_size, num_workers)
