"""Where the seconds of an attempt at a shard go, while it is under way."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from infra.runs.time_spent import TimeSpent
from mfp.session import FinishedSession
from mfp.stopwatch import Stopwatch


@dataclass
class ShardClock:
    """A stopwatch for each part of `TimeSpent` but the storing, which comes when the attempt is over.

    Each belongs to one thread, see there, so none of them needs a lock.
    """

    reading: Stopwatch = field(default_factory=Stopwatch)
    decoding: Stopwatch = field(default_factory=Stopwatch)
    waiting: Stopwatch = field(default_factory=Stopwatch)
    opening: Stopwatch = field(default_factory=Stopwatch)
    network: Stopwatch = field(default_factory=Stopwatch)
    clicking: Stopwatch = field(default_factory=Stopwatch)
    rows: Stopwatch = field(default_factory=Stopwatch)
    _begun: float = field(default_factory=time.perf_counter)

    def begin(self) -> None:
        """The first byte of the shard is about to be read; until then the attempt waits for its turn."""
        self._begun = time.perf_counter()

    @property
    def seconds(self) -> float:
        """Wall time since `begin`; a part of it was shared with the shards before and after."""
        return time.perf_counter() - self._begun

    def waited_since(self, moment: float) -> None:
        """The engine has waited for something of this shard since a moment of `time.perf_counter`.

        Before `begin` there was nothing of it to wait for: that the engine had no work then is not this shard's.
        """
        self.waiting.seconds += time.perf_counter() - max(moment, self._begun)

    def add_session(self, finished: FinishedSession) -> None:
        """Count what the engine has spent on a session that has ended. One that a model refuses is not counted."""
        self.network.seconds += finished.network_seconds
        rest = finished.seconds - finished.network_seconds
        self.clicking.seconds += max(rest, 0.0)  # rounding may leave less than nothing

    def spent(self) -> TimeSpent:
        """What was spent until now."""
        return TimeSpent(
            reading=self.reading.seconds,
            decoding=self.decoding.seconds,
            waiting=self.waiting.seconds,
            opening=self.opening.seconds,
            network=self.network.seconds,
            clicking=self.clicking.seconds,
            rows=self.rows.seconds,
            storing=0.0,
        )
