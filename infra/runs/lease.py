"""A lease on a run directory: who may commit, and until when. Decisions alone; files are `held_lease`'s.

Times are UTC by the clock of whoever decides. A holder stops committing `MARGIN` before the deadline that it wrote,
and nobody else takes the lease until `MARGIN` after it: clocks may differ by twice the margin, less the time that a
put takes from its sending until the storage has done it.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from pydantic import AwareDatetime

TERM = timedelta(seconds=120)
MARGIN = timedelta(seconds=30)


@dataclass(frozen=True)
class Lease:
    """`owner` is drawn anew by every run; `host` and `pid` are for people. In force until `deadline`."""

    owner: str
    host: str
    pid: int
    deadline: AwareDatetime

    def renewed(self, now: datetime) -> Lease:
        """The same for a whole term from now."""
        return replace(self, deadline=now + TERM)

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, until {self.deadline:%Y-%m-%d %H:%M:%S} UTC"


def may_take(lease: Lease | None, now: datetime) -> bool:
    """Whether a run that does not hold the lease may take it; None is none."""
    return lease is None or now >= lease.deadline + MARGIN


def holds(lease: Lease | None, owner: str, now: datetime) -> bool:
    """Whether `owner` may commit, and renew, under what lies in the storage."""
    return lease is not None and lease.owner == owner and now <= lease.deadline - MARGIN
