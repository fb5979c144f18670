"""Which sessions run next: continuous batching, decided on crop sizes alone.

A batch needs crops of one size, so the ready sessions wait in one queue per size. The next batch is that of
the session that has waited longest, filled with the others of its size. So nobody starves: whoever becomes
ready later stands behind. And batches fill well: a size gathers sessions while other sizes take their turns.

Fresh sessions share batches with running ones on purpose. They need two passes, but apart they would need
a batch of their own (two passes over few rows) beside that of the running ones, which is one pass more.
"""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass

_FIRST_TURN = -1

CropSize = tuple[int, int]
"""(height, width) of a network's input, in pixels."""


@dataclass(frozen=True)
class Batch:
    """Sessions to run through the network together.

    Attributes:
        crop_size: of all their crops.
        tickets: one per session, the longest waiting first; never empty.
    """

    crop_size: CropSize
    tickets: tuple[int, ...]


@dataclass(frozen=True)
class BatchOutcome:
    """What became of a batch.

    Attributes:
        batch: the one that ran.
        crop_sizes: in the order of its tickets: the size of the session's next crop; None if it has ended.
    """

    batch: Batch
    crop_sizes: tuple[CropSize | None, ...]


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
        self._queues: dict[CropSize, deque[tuple[int, int]]] = {}  # (turn, ticket)
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

    def admit(self, crop_size: CropSize) -> int:
        """Take in a session whose first crop has that size; return its ticket."""
        assert self.num_free_places > 0, "admit() without a free place"
        ticket = self._next_ticket
        self._next_ticket += 1
        self._num_in_flight += 1
        self._enqueue(ticket, crop_size)
        return ticket

    def schedule(self) -> Batch | None:
        """The next batch, or None if no session is ready. Its sessions are away until `update`."""
        if not self._queues:
            return None
        crop_size = min(self._queues, key=lambda size: self._queues[size][0])
        queue = self._queues[crop_size]
        tickets = tuple(queue.popleft()[1] for _ in range(min(len(queue), self._batch_size)))
        if not queue:
            del self._queues[crop_size]
        return Batch(crop_size, tickets)

    def update(self, outcome: BatchOutcome) -> None:
        """Take the sessions of a batch back: ended ones free their places, the others stand at the end."""
        for ticket, crop_size in zip(outcome.batch.tickets, outcome.crop_sizes, strict=True):
            if crop_size is None:
                self._num_in_flight -= 1
            else:
                self._enqueue(ticket, crop_size)

    def put_back(self, batch: Batch, *, num_places: int, batch_size: int) -> None:
        """Take a batch back that did not run: its sessions are next, and from now on batches are of this size.

        Sessions beyond the new `num_places` stay in flight; none is admitted until there are fewer.
        """
        self._num_places, self._batch_size = num_places, batch_size
        queue = self._queues.setdefault(batch.crop_size, deque())
        queue.extendleft((_FIRST_TURN, ticket) for ticket in reversed(batch.tickets))

    def _enqueue(self, ticket: int, crop_size: CropSize) -> None:
        self._queues.setdefault(crop_size, deque()).append((self._next_turn, ticket))
        self._next_turn += 1
