from __future__ import annotations

from collections import Counter
from collections.abc import Collection

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import EveryShardFailsError
from actors.labelling.hand_out import (
    MAX_FAILURES_IN_A_ROW,
    MAX_SHARDS_IN_FLIGHT,
    MAX_TRIES,
    Assignment,
    HandOut,
)
from infra.runs.set_aside import SetAsideShard
from infra.shards.manifest import ShardEntry


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


def test_a_failed_shard_goes_out_again_last_and_alone_under_a_new_attempt() -> None:
    hand_out = HandOut(shards(4), num_workers=1)
    (_, first), (_, beside) = hand_out.assign([0])
    hand_out.failed(first.attempt, "its worker died")
    hand_out.failed(beside.attempt, "its worker died")
    others = hand_out.assign([0])
    assert names(others) == [(0, "s2.tar"), (0, "s3.tar")]
    hand_out.finished(others[0][1].attempt)
    assert hand_out.assign([0]) == [], "nothing is put beside it"
    hand_out.finished(others[1][1].attempt)
    ((_, again),) = hand_out.assign([0])
    assert again.shard == first.shard
    assert again.attempt != first.attempt
    hand_out.finished(again.attempt)
    assert names(hand_out.assign([0])) == [(0, "s1.tar")]


def drive(hand_out: HandOut, broken: Collection[str], num_workers: int = 1) -> tuple[list[str], list[str]]:
    """Work through all shards; those in `broken` fail every time. The finished and the set aside ones, in order."""
    finished, set_aside = [], []
    while not hand_out.is_done:
        for _, assignment in hand_out.assign(range(num_workers)):
            if assignment.shard.name not in broken:
                finished.append(assignment.shard.name)
                hand_out.finished(assignment.attempt)
            elif (given_up := hand_out.failed(assignment.attempt, "of the disk")) is not None:
                set_aside.append(given_up.shard)
    return finished, set_aside


def test_a_shard_is_set_aside_after_its_third_failure_with_the_last_reason() -> None:
    hand_out = HandOut(shards(1), num_workers=1)
    answers = [hand_out.failed(hand_out.assign([0])[0][1].attempt, f"of {number}") for number in range(3)]
    assert answers == [None, None, SetAsideShard("s0.tar", 3, "of 2")]
    assert hand_out.is_done


def test_the_others_are_done_without_the_shards_that_were_set_aside() -> None:
    hand_out = HandOut(shards(12), num_workers=1)
    finished, set_aside = drive(hand_out, ["s0.tar", "s1.tar", "s7.tar", "s11.tar"])
    assert finished == [f"s{number}.tar" for number in (2, 3, 4, 5, 6, 8, 9, 10)]
    assert set_aside == ["s0.tar", "s1.tar", "s7.tar", "s11.tar"]


@pytest.mark.parametrize("num_workers", [1, 4])
def test_where_one_shard_after_the_other_fails_the_run_ends_and_says_why(num_workers: int) -> None:
    hand_out = HandOut(shards(1000), num_workers)
    num_tries = 0
    with pytest.raises(
        EveryShardFailsError, match=r"s\d+\.tar because of the disk; .* the same command again"
    ):
        while True:
            for _, assignment in hand_out.assign(range(num_workers)):
                num_tries += 1
                hand_out.failed(assignment.attempt, "of the disk")
    assert num_tries <= MAX_FAILURES_IN_A_ROW * num_workers * MAX_SHARDS_IN_FLIGHT


def test_however_many_fail_the_run_goes_on_while_others_are_finished() -> None:
    broken = [f"s{number}.tar" for number in range(0, 100, 2)]
    finished, set_aside = drive(HandOut(shards(100), num_workers=3), broken, num_workers=3)
    assert (len(finished), set_aside) == (50, broken)


def test_shards_that_are_lost_together_count_once() -> None:
    hand_out = HandOut(shards(100), num_workers=20)
    for _, assignment in hand_out.assign(range(20)):
        hand_out.failed(assignment.attempt, "its node is gone")
    assert drive(hand_out, [], num_workers=20)[1] == []


@given(st.integers(1, 12), st.integers(1, 4), st.data())
def test_whatever_fails_every_shard_is_finished_or_set_aside_exactly_once(
    num_shards: int, num_workers: int, data: st.DataObject
) -> None:
    hand_out = HandOut(shards(num_shards), num_workers)
    under_way: list[tuple[int, Assignment]] = []
    done: list[str] = []
    tries: Counter[str] = Counter()
    failed_in_a_row: set[str] = set()
    while not hand_out.is_done:
        ready = data.draw(st.sets(st.integers(0, num_workers - 1)))
        under_way += hand_out.assign(ready)
        assert all(hand_out.num_in_flight(worker) <= MAX_SHARDS_IN_FLIGHT for worker in range(num_workers))
        if not under_way:
            under_way += hand_out.assign(range(num_workers))
        _, assignment = under_way.pop(data.draw(st.integers(0, len(under_way) - 1)))
        name = assignment.shard.name
        tries[name] += 1
        if data.draw(st.booleans()):
            failed_in_a_row.add(name)
            try:
                set_aside = hand_out.failed(assignment.attempt, "of bad luck")
            except EveryShardFailsError:
                assert len(failed_in_a_row) >= MAX_FAILURES_IN_A_ROW
                return
            assert (set_aside is not None) == (tries[name] == MAX_TRIES)
            done += [name] if set_aside else []
        else:
            failed_in_a_row.clear()
            done.append(name)
            hand_out.finished(assignment.attempt)
    assert sorted(done) == sorted(shard.name for shard in shards(num_shards))


def test_once_it_is_enough_nothing_more_goes_out_and_what_is_with_workers_ends() -> None:
    hand_out = HandOut(shards(10), num_workers=2)
    (_, done), (_, failing), *others = hand_out.assign([0, 1])
    hand_out.stop()
    assert hand_out.assign([0, 1]) == []
    hand_out.finished(done.attempt)
    assert hand_out.failed(failing.attempt, "broken") is None
    assert not hand_out.is_done
    for _, other in others:
        hand_out.finished(other.attempt)
    assert hand_out.is_done
    assert hand_out.assign([0, 1]) == []
