"""The order of training samples: whole epochs, whatever the workers."""

from __future__ import annotations

from itertools import islice, pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from mfp.training.sample_order import (
    SampleOrder,
    block_size,
    epoch_order,
    num_lanes,
    numbers_of_worker,
)

SIZES = st.lists(st.integers(1, 40), min_size=1, max_size=40)


@given(sizes=SIZES, seed=st.integers(0, 2**32 - 1))
def test_an_epoch_visits_each_sample_once(sizes: list[int], seed: int) -> None:
    order = epoch_order(sizes, (seed,))
    visited = sorted(zip(order.shard.tolist(), order.sample.tolist(), strict=True))
    assert visited == [(shard, sample) for shard, size in enumerate(sizes) for sample in range(size)]


@given(sizes=SIZES, seed=st.integers(0, 2**32 - 1))
def test_a_lane_reads_shard_after_shard_and_block_after_block(sizes: list[int], seed: int) -> None:
    """What a reader holds is one block per lane: no lane ever goes back."""
    sizes = [size * 60 for size in sizes]  # several blocks to a shard
    order = epoch_order(sizes, (seed,))
    for lane in range(num_lanes(sizes)):
        mine = order.lane == lane
        blocks = list(zip(order.shard[mine], order.sample[mine] // block_size(sizes), strict=True))
        changes = [
            blocks[0],
            *(after for before, after in pairwise(blocks) if before != after),
        ]
        assert len(changes) == len(set(changes))
        shards = [shard for shard, _ in changes]
        assert shards == sorted(shards, key=shards.index)


def test_every_epoch_has_an_order_of_its_own_and_so_has_every_seed() -> None:
    def first(seed: int, number: int) -> list[tuple[int, int]]:
        places = SampleOrder([[20, 20]], [1.0], seed).places(number)
        return [(place.shard, place.sample) for place in islice(places, 40)]

    assert sorted(first(0, 0)) == sorted(first(0, 40)) == sorted(first(1, 0))
    assert first(0, 0) != first(0, 40)
    assert first(0, 0) != first(1, 0)


@pytest.mark.parametrize("first", [0, 1, 39, 40, 41, 4095, 4096, 9000])
@pytest.mark.parametrize("shares", [[1.0], [2.0, 1.0]])
def test_a_stream_taken_up_at_a_number_goes_on_as_if_it_had_never_stopped(
    first: int, shares: list[float]
) -> None:
    pools = [[7, 13, 20], [5, 6]][: len(shares)]
    whole = list(islice(SampleOrder(pools, shares, 3).places(0), first + 50))
    assert list(islice(SampleOrder(pools, shares, 3).places(first), 50)) == whole[first:]


def test_shares_decide_how_often_a_pool_is_drawn_and_each_keeps_its_epochs() -> None:
    order = SampleOrder([[30], [1000]], [2.0, 1.0], 0)
    places = list(islice(order.places(0), 9000))
    drawn = [place for place in places if place.pool == 0]
    assert len(drawn) / 9000 == pytest.approx(2 / 3, abs=0.02)
    for epoch in range(3):
        assert sorted(place.sample for place in drawn[30 * epoch : 30 * epoch + 30]) == list(range(30))


@given(batch_size=st.integers(1, 40), num_workers=st.integers(1, 12), batch_idx=st.integers(0, 1000))
def test_workers_share_a_batch_out_without_gap_or_overlap(
    batch_size: int, num_workers: int, batch_idx: int
) -> None:
    shares = [numbers_of_worker(batch_idx, batch_size, rank, num_workers) for rank in range(num_workers)]
    numbers = sorted(number for share in shares for number in share)
    assert numbers == list(range(batch_idx * batch_size, (batch_idx + 1) * batch_size))


def test_workers_that_divide_the_lanes_read_lanes_of_their_own() -> None:
    order = epoch_order([100] * 16, (0,))
    lanes = [set(order.lane[rank::4].tolist()) for rank in range(4)]
    assert all(len(own) == 4 for own in lanes)
    assert set.union(*lanes) == set(range(16))
    assert np.array_equal(
        order.lane[:16], np.arange(16)
    )  # and neighbours in the stream come from different shards
