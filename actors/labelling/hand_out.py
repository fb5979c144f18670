"""Which worker gets which shard next, and when to give up: plain decisions, tested without Ray.

A worker holds up to two shards, so that the samples of the second join while the last sessions of the first
end. A second shard is handed out only while one is left for everybody who still has none (workers that are only
starting included): otherwise the first worker to be ready would take the whole of a small data set.

A shard that failed goes out again behind all others, and alone: were it the one that kills workers, whatever is beside
it would be blamed as well. After some tries it is set aside, and the run goes on without it. That one shard after the
other fails is another matter: then it is not the shards, and the run ends.
"""

from __future__ import annotations

import uuid
from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from actors.errors import EveryShardFailsError
from infra.runs.set_aside import SetAsideShard
from infra.shards.manifest import ShardEntry

MAX_SHARDS_IN_FLIGHT = 2  # per worker
MAX_TRIES = 3
MAX_FAILURES_IN_A_ROW = 5


@dataclass(frozen=True)
class Assignment:
    """One try at one shard. The attempt id is new for every try and names its part files."""

    shard: ShardEntry
    attempt: str


@dataclass
class _Try:
    """A shard that is with a worker; `failures_before` it was begun, in a row."""

    worker_idx: int
    shard: ShardEntry
    failures_before: int


class HandOut:
    """Shards that wait, shards that are with a worker, and how often each was tried."""

    def __init__(self, shards: Sequence[ShardEntry], num_workers: int) -> None:
        self._waiting = deque(shards)
        self._under_way: dict[str, _Try] = {}  # by attempt
        self._num_tries: dict[str, int] = {}  # by shard name
        self._num_workers = num_workers
        # first tries; none was finished between them, and each was begun when the one before had failed
        self._failures_in_a_row = 0
        self._is_stopped = False

    @property
    def is_done(self) -> bool:
        """Every shard was finished or set aside, or those that were handed out before `stop` were."""
        return not self._waiting and not self._under_way

    def num_in_flight(self, worker_idx: int) -> int:
        """Shards that are with this worker."""
        return len(self.attempts_of(worker_idx))

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

    def stop(self) -> None:
        """Hand out nothing more, shards that fail from now on included."""
        self._is_stopped = True
        self._waiting.clear()

    def finished(self, attempt: str) -> None:
        """The shard of this attempt is committed."""
        del self._under_way[attempt]
        self._failures_in_a_row = 0
        for other in self._under_way.values():
            other.failures_before = 0

    def failed(self, attempt: str, reason: str) -> SetAsideShard | None:
        """Take a shard back that its worker lost or could not do; returned if that was its last try.

        After `stop` it is taken back for good.

        Raises:
            EveryShardFailsError: so many first tries have failed in a row that the next shard would fail as well.

        """
        failed = self._under_way.pop(attempt)
        name = failed.shard.name
        if self._num_tries[name] == 1:
            # what fails at the same time, with a node say, counts once
            self._failures_in_a_row = max(self._failures_in_a_row, failed.failures_before + 1)
        if self._failures_in_a_row >= MAX_FAILURES_IN_A_ROW:
            raise EveryShardFailsError(
                f"one shard after the other fails, {name} because {reason}; "
                "what is committed stays: mend the cause and run the same command again"
            )
        if self._is_stopped:
            return None  # it is not needed: nothing is said of it
        if self._num_tries[name] < MAX_TRIES:
            self._waiting.append(failed.shard)
            return None
        return SetAsideShard(name, MAX_TRIES, reason)

    def attempts_of(self, worker_idx: int) -> list[str]:
        """The attempts that are with this worker, oldest first."""
        return [attempt for attempt, held in self._under_way.items() if held.worker_idx == worker_idx]

    def _may_have_another(self, worker_idx: int) -> bool:
        num_held = self.num_in_flight(worker_idx)
        if num_held == 0:
            return True
        if self._waiting[0].name in self._num_tries:
            return False  # it has failed before; such ones come last, so nothing joins it later either
        num_busy = len({held.worker_idx for held in self._under_way.values()})
        return num_held < MAX_SHARDS_IN_FLIGHT and len(self._waiting) > self._num_workers - num_busy

    def _assign_next(self, worker_idx: int) -> Assignment:
        shard = self._waiting.popleft()
        num_tries = self._num_tries.get(shard.name, 0) + 1
        self._num_tries[shard.name] = num_tries
        assignment = Assignment(shard, f"{num_tries}_{uuid.uuid4().hex[:12]}")
        self._under_way[assignment.attempt] = _Try(worker_idx, shard, self._failures_in_a_row)
        return assignment
