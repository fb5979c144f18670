"""Which worker gets which shard next: plain decisions, tested without Ray.

A worker holds up to two shards, so that the samples of the second join while the last sessions of the first
end. A second shard is handed out only while one is left for everybody who still has none (workers that are only
starting included): otherwise the first worker to be ready would take the whole of a small data set.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from actors.errors import ShardLostError
from infra.manifest import ShardEntry

MAX_SHARDS_IN_FLIGHT = 2  # per worker
MAX_TRIES = 3


@dataclass(frozen=True)
class Assignment:
    """One try at one shard. The attempt id is new for every try and names its part files."""

    shard: ShardEntry
    attempt: str


class HandOut:
    """Shards that wait, shards that are with a worker, and how often each was tried."""

    def __init__(self, shards: Sequence[ShardEntry], num_workers: int) -> None:
        self._waiting = deque(shards)
        self._with_worker: dict[str, tuple[int, ShardEntry]] = {}  # by attempt
        self._num_tries: dict[str, int] = {}  # by shard name
        self._num_workers = num_workers

    @property
    def is_done(self) -> bool:
        """Every shard was finished."""
        return not self._waiting and not self._with_worker

    def num_in_flight(self, worker_idx: int) -> int:
        """Shards that are with this worker."""
        return sum(holder == worker_idx for holder, _ in self._with_worker.values())

    def assign(self, ready_workers: Iterable[int]) -> list[tuple[int, Assignment]]:
        """Hand out what can be handed out now, first to those who have least; (worker index, assignment) each."""
        ready = sorted(ready_workers)
        handed_out = []
        while self._waiting and ready:
            worker_idx = min(ready, key=self.num_in_flight)
            if not self._may_have_another(worker_idx):
                break
            handed_out.append((worker_idx, self._assign_next(worker_idx)))
        return handed_out

    def finished(self, attempt: str) -> None:
        """The shard of this attempt is committed."""
        del self._with_worker[attempt]

    def failed(self, attempt: str, cause: str) -> None:
        """Take a shard back that its worker lost or could not do; it is handed out next, so trouble shows early.

        Raises:
            ShardLostError: it was tried too often.

        """
        _, shard = self._with_worker.pop(attempt)
        if self._num_tries[shard.name] >= MAX_TRIES:
            raise ShardLostError(
                f"shard {shard.name} failed {MAX_TRIES} times, the last time because {cause}; "
                "what is committed stays: mend the cause and run the same command again"
            )
        self._waiting.appendleft(shard)

    def attempts_of(self, worker_idx: int) -> list[str]:
        """The attempts that are with this worker, oldest first."""
        return [attempt for attempt, (holder, _) in self._with_worker.items() if holder == worker_idx]

    def _may_have_another(self, worker_idx: int) -> bool:
        num_held = self.num_in_flight(worker_idx)
        if num_held == 0:
            return True
        num_busy = len({holder for holder, _ in self._with_worker.values()})
        return num_held < MAX_SHARDS_IN_FLIGHT and len(self._waiting) > self._num_workers - num_busy

    def _assign_next(self, worker_idx: int) -> Assignment:
        shard = self._waiting.popleft()
        num_tries = self._num_tries.get(shard.name, 0) + 1
        self._num_tries[shard.name] = num_tries
        assignment = Assignment(shard, f"{num_tries}_{uuid.uuid4().hex[:12]}")
        self._with_worker[assignment.attempt] = (worker_idx, shard)
        return assignment
