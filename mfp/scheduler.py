"""Which sessions run next: continuous batching, decided on batch keys alone.

Sessions with the same key, such as the size of their crops, fit into one batch; the ready ones wait in one queue per
key. The next batch is that of the session that has waited longest, filled with the others of its key. So nobody
starves: whoever becomes ready later stands behind. And batches fill well: a key gathers sessions while others take
their turns.

Fresh sessions share batches with running ones on purpose. They need two passes, but apart they would need
a batch of their own (two passes over few rows) beside that of the running ones, which is one pass more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TypeAlias

_FIRST_TURN = -1

BatchKey: TypeAlias = tuple[int, ...]
"""Equal for sessions that may run together: the (height, width) of their crops, or () if all of them may."""


@dataclass(frozen=True)
class Batch:
    """Sessions to run through the model together.

    Attributes:
        key: of all of them.
        tickets: one per session, the longest waiting first; never empty.
    """

    key: BatchKey
    tickets: tuple[int, ...]


@dataclass(frozen=True)
class BatchOutcome:
    """What became of a batch.

    Attributes:
        batch: the one that ran.
        keys: in the order of its tickets: the session's key for its next turn; None if it has ended.
    """

    batch: Batch
    keys: tuple[BatchKey | None, ...]


class Scheduler:
    """Sessions in flight, known by a ticket each, and the order in which they run."""

    def __init__(self, num_places: int, batch_size: int) -> None:
        """Up to `num_places` sessions in flight (it bounds the memory), up to `batch_size` in a batch."""
        if not 1 <= batch_size <= num_places:
            raise ValueError(
                f"need 1 <= batch_size {batch_size} <= num_places {num_places}: change one of them"
            )
        self._num_places = num_places
        self._batch_size = batch_size
        self._queues: dict[BatchKey, deque[tuple[int, int]]] = {}  # (turn, ticket)
        self._next_ticket = 0
        self._next_turn = 0
        self._num_in_flight = 0

    @property
    def num_in_flight(self) -> int:
        """Sessions that were admitted and have not ended."""
        return self._num_in_flight

    @property
    def num_free_places(self) -> int:
        """Sessions that may be admitted now."""
        return max(0, self._num_places - self._num_in_flight)

    def admit(self, key: BatchKey) -> int:
        """Take in a session whose first turn has that key; return its ticket."""
        assert self.num_free_places > 0, "admit() without a free place"
        ticket = self._next_ticket
        self._next_ticket += 1
        self._num_in_flight += 1
        self._enqueue(ticket, key)
        return ticket

    def schedule(self) -> Batch | None:
        """The next batch, or None if no session is ready. Its sessions are away until `update`."""
        if not self._queues:
            return None
        key = min(self._queues, key=lambda one: self._queues[one][0])
        queue = self._queues[key]
        tickets = tuple(queue.popleft()[1] for _ in range(min(len(queue), self._batch_size)))
        if not queue:
            del self._queues[key]
        return Batch(key, tickets)

    def update(self, outcome: BatchOutcome) -> None:
        """Take the sessions of a batch back: ended ones free their places, the others stand at the end."""
        for ticket, key in zip(outcome.batch.tickets, outcome.keys, strict=True):
            if key is None:
                self._num_in_flight -= 1
            else:
                self._enqueue(ticket, key)

    def put_back(self, batch: Batch, *, num_places: int, batch_size: int) -> None:
        """Take a batch back that did not run: its sessions are next, and from now on batches are of this size.

        Sessions beyond the new `num_places` stay in flight; none is admitted until there are fewer.
        """
        self._num_places, self._batch_size = num_places, batch_size
        queue = self._queues.setdefault(batch.key, deque())
        queue.extendleft((_FIRST_TURN, ticket) for ticket in reversed(batch.tickets))

    def _enqueue(self, ticket: int, key: BatchKey) -> None:
        self._queues.setdefault(key, deque()).append((self._next_turn, ticket))
        self._next_turn += 1
