from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mfp.scheduler import Batch, BatchKey, BatchOutcome, Scheduler

WIDE, TALL, SQUARE = (224, 320), (320, 224), (320, 320)


def create_scheduler(sizes: list[tuple[int, int]], batch_size: int = 4, num_places: int = 16) -> Scheduler:
    scheduler = Scheduler(num_places, batch_size)
    for size in sizes:
        scheduler.admit(size)
    return scheduler


def scheduled(scheduler: Scheduler) -> Batch:
    batch = scheduler.schedule()
    assert batch is not None
    return batch


def go_on(scheduler: Scheduler, batch: Batch, size: BatchKey | None) -> None:
    scheduler.update(BatchOutcome(batch, (size,) * len(batch.tickets)))


def test_nothing_is_scheduled_without_sessions() -> None:
    assert create_scheduler([]).schedule() is None


def test_the_longest_waiting_session_brings_all_of_its_size_up_to_the_batch_size() -> None:
    scheduler = create_scheduler([WIDE, TALL, WIDE, TALL, WIDE, WIDE], batch_size=3)
    assert scheduled(scheduler) == Batch(WIDE, (0, 2, 4))
    assert scheduled(scheduler) == Batch(TALL, (1, 3))
    assert scheduled(scheduler) == Batch(WIDE, (5,))
    assert scheduler.schedule() is None


def test_a_session_that_goes_on_stands_behind_those_that_wait() -> None:
    scheduler = create_scheduler([WIDE, TALL])
    go_on(scheduler, scheduled(scheduler), WIDE)
    assert scheduled(scheduler) == Batch(TALL, (1,))


def test_a_session_joins_the_group_of_its_new_size() -> None:
    scheduler = create_scheduler([WIDE, TALL])
    go_on(scheduler, scheduled(scheduler), TALL)
    assert scheduled(scheduler) == Batch(TALL, (1, 0))


def test_sessions_of_a_batch_are_away_until_it_is_taken_back() -> None:
    scheduler = create_scheduler([WIDE])
    batch = scheduled(scheduler)
    assert scheduler.schedule() is None
    assert scheduler.num_in_flight == 1
    go_on(scheduler, batch, WIDE)
    assert scheduled(scheduler) == batch


def test_an_ended_session_frees_its_place_and_its_ticket_is_not_given_again() -> None:
    scheduler = create_scheduler([WIDE, WIDE], num_places=4)
    assert scheduler.num_free_places == 2
    go_on(scheduler, scheduled(scheduler), None)
    assert (scheduler.num_free_places, scheduler.num_in_flight) == (4, 0)
    assert scheduler.admit(WIDE) == 2


def test_a_batch_that_did_not_run_is_next_again_in_smaller_ones() -> None:
    scheduler = create_scheduler([WIDE, WIDE, WIDE, TALL, WIDE], batch_size=3, num_places=8)
    batch = scheduled(scheduler)
    assert batch == Batch(WIDE, (0, 1, 2))
    scheduler.put_back(batch, num_places=4, batch_size=1)
    assert scheduler.num_in_flight == 5
    assert scheduler.num_free_places == 0
    ran = [scheduled(scheduler) for _ in range(5)]
    assert [one.tickets for one in ran] == [(0,), (1,), (2,), (3,), (4,)]
    go_on(scheduler, ran[0], None)
    assert scheduler.num_free_places == 0
    go_on(scheduler, ran[1], None)
    assert scheduler.num_free_places == 1


def test_more_sessions_than_places_are_an_error() -> None:
    scheduler = create_scheduler([WIDE] * 4, num_places=4)
    with pytest.raises(AssertionError, match="free place"):
        scheduler.admit(WIDE)


@pytest.mark.parametrize(("num_places", "batch_size"), [(4, 0), (4, 5)])
def test_impossible_sizes_are_refused(num_places: int, batch_size: int) -> None:
    with pytest.raises(ValueError, match="batch_size"):
        Scheduler(num_places, batch_size)


@settings(deadline=None)
@given(st.data(), st.integers(1, 12), st.integers(1, 6))
def test_nobody_starves_and_nobody_is_lost(data: st.DataObject, num_places: int, batch_size: int) -> None:
    """Whatever sizes the sessions take, each runs before every session that was ready later has run twice."""
    sizes = st.sampled_from([WIDE, TALL, SQUARE])
    scheduler = Scheduler(num_places, min(batch_size, num_places))
    waiting: dict[int, int] = {}  # ticket -> batches since it became ready
    for _ in range(30):
        while scheduler.num_free_places:
            waiting[scheduler.admit(data.draw(sizes))] = 0
        batch = scheduled(scheduler)
        assert len(batch.tickets) <= batch_size
        for ticket in batch.tickets:
            assert waiting.pop(ticket) < num_places
        following = [data.draw(st.one_of(st.none(), sizes)) for _ in batch.tickets]
        scheduler.update(BatchOutcome(batch, tuple(following)))
        waiting = {ticket: batches + 1 for ticket, batches in waiting.items()}
        waiting |= {
            ticket: 0 for ticket, size in zip(batch.tickets, following, strict=True) if size is not None
        }
        assert len(waiting) == scheduler.num_in_flight
