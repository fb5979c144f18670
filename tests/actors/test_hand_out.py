from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import ShardLostError
from actors.hand_out import MAX_SHARDS_IN_FLIGHT, MAX_TRIES, Assignment, HandOut
from infra.manifest import ShardEntry


def shards(count: int) -> list[ShardEntry]:
    return [ShardEntry(f"s{number}.tar", bytes=1) for number in range(count)]


def names(handed_out: list[tuple[int, Assignment]]) -> list[tuple[int, str]]:
    return [(worker, assignment.shard.name) for worker, assignment in handed_out]


def test_shards_go_out_in_order_and_everybody_gets_one_before_anybody_gets_two() -> None:
    hand_out = HandOut(shards(10), num_workers=2)
    assert names(hand_out.assign([0, 1])) == [(0, "s0.tar"), (1, "s1.tar"), (0, "s2.tar"), (1, "s3.tar")]
    assert hand_out.assign([0, 1]) == []


def test_a_second_shard_waits_for_workers_that_still_start() -> None:
    hand_out = HandOut(shards(3), num_workers=3)
    assert names(hand_out.assign([0])) == [(0, "s0.tar")]
    assert names(hand_out.assign([0, 2])) == [(2, "s1.tar")]
    assert names(hand_out.assign([0, 1, 2])) == [(1, "s2.tar")]


def test_a_worker_that_is_done_takes_what_was_kept_for_one_that_never_starts() -> None:
    hand_out = HandOut(shards(2), num_workers=2)
    ((_, first),) = hand_out.assign([0])
    hand_out.finished(first.attempt)
    assert names(hand_out.assign([0])) == [(0, "s1.tar")]


def test_a_failed_shard_goes_out_next_under_a_new_attempt() -> None:
    hand_out = HandOut(shards(3), num_workers=1)
    first = hand_out.assign([0])[0][1]
    hand_out.failed(first.attempt, "its worker died")
    again = hand_out.assign([0])[0][1]
    assert again.shard == first.shard
    assert again.attempt != first.attempt


def test_a_shard_that_fails_with_every_worker_ends_the_run_and_says_why() -> None:
    hand_out = HandOut(shards(1), num_workers=1)
    for _ in range(MAX_TRIES - 1):
        hand_out.failed(hand_out.assign([0])[0][1].attempt, "its worker died")
    with pytest.raises(
        ShardLostError, match=r"s0\.tar failed 3 times, the last time because its worker died"
    ):
        hand_out.failed(hand_out.assign([0])[0][1].attempt, "its worker died")


@given(st.integers(1, 12), st.integers(1, 4), st.data())
def test_whatever_fails_every_shard_is_finished_exactly_once(
    num_shards: int, num_workers: int, data: st.DataObject
) -> None:
    hand_out = HandOut(shards(num_shards), num_workers)
    under_way: list[tuple[int, Assignment]] = []
    finished: list[str] = []
    failures: dict[str, int] = {}
    while not hand_out.is_done:
        ready = data.draw(st.sets(st.integers(0, num_workers - 1)))
        under_way += hand_out.assign(ready)
        assert all(hand_out.num_in_flight(worker) <= MAX_SHARDS_IN_FLIGHT for worker in range(num_workers))
        if not under_way:
            under_way += hand_out.assign(range(num_workers))
        _, assignment = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        name = assignment.shard.name
        if failures.get(name, 0) < MAX_TRIES - 1 and data.draw(st.booleans()):
            failures[name] = failures.get(name, 0) + 1
            hand_out.failed(assignment.attempt, "of bad luck")
        else:
            finished.append(name)
            hand_out.finished(assignment.attempt)
    assert sorted(finished) == sorted(shard.name for shard in shards(num_shards))
