"""Where the seconds of a shard went, by part. Here the parts have their names."""

from __future__ import annotations

import math
from collections.abc import Collection
from dataclasses import dataclass, fields
from typing import Annotated, TypeAlias

from annotated_types import Ge, Le

_LONGEST = 1e9  # 31 years: sums stay finite, whatever somebody has written into a record

Seconds: TypeAlias = Annotated[float, Ge(0), Le(_LONGEST)]


@dataclass(frozen=True)
class TimeSpent:
    """Seconds that the threads of a worker spent on a shard, or on several.

    Three threads work at the same time, so all parts together are more than the wall time. A part belongs to one
    thread. The parts of the engine's thread are its wall time, less moments between its steps.

    Attributes:
        reading: the reader's thread: bytes come from the storage, and samples are made of them.
        decoding: the reader's thread: images and the pixels that do not count.
        waiting: the engine's thread: no session was under way, since no sample was decoded yet.
        opening: the engine's thread: sessions are made, which decodes the masks of their objects.
        network: the engine's thread: the model is at work. A pass over several sessions is shared among them.
        clicking: the engine's thread: the rest of clicking, such as crops, regions, distance transforms, metrics and
            the run-length encoding of the mask.
        rows: the engine's thread: rows go into Parquet on the local disk, a full row group at a time.
        storing: the thread that commits: the last row groups are written, and the part files go to the storage. The
            put of the record that holds this number comes later and cannot be in it.
    """

    reading: Seconds
    decoding: Seconds
    waiting: Seconds
    opening: Seconds
    network: Seconds
    clicking: Seconds
    rows: Seconds
    storing: Seconds

    @property
    def engine(self) -> float:
        """All parts of the engine's thread."""
        return math.fsum((self.waiting, self.opening, self.network, self.clicking, self.rows))

    @classmethod
    def total(cls, times: Collection[TimeSpent]) -> TimeSpent:
        """The sum of each part; the same to the last bit in any order."""
        return cls(*(math.fsum(getattr(time, part) for time in times) for part in PARTS))


PARTS = tuple(part.name for part in fields(TimeSpent))
"""The names of the parts, in the order of the work."""

NO_TIME = TimeSpent.total(())
