"""A lease on a run directory: who may commit, and until when. Decisions alone; files are `held_lease`'s.

Times are UTC by the clock of whoever decides. A holder stops committing `MARGIN` before the deadline that it wrote,
and nobody else takes the lease until `MARGIN` after it: clocks may differ by twice the margin, less the time that a
put takes from its sending until the storage has done it.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta

from infra.json_text import parse_json

TERM = timedelta(seconds=120)
MARGIN = timedelta(seconds=30)


@dataclass(frozen=True)
class Lease:
    """`owner` is drawn anew by every run; `host` and `pid` are for people. In force until `deadline`."""

    owner: str
    host: str
    pid: int
    deadline: datetime

    def renewed(self, now: datetime) -> Lease:
        """The same for a whole term from now."""
        return replace(self, deadline=now + TERM)

    def to_json(self) -> bytes:
        """Return the content of the lease's file."""
        return json.dumps(asdict(self) | {"deadline": self.deadline.isoformat()}, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> Lease:
        """Read a lease. Raises ValueError, KeyError or TypeError if the bytes are none."""
        fields = parse_json(data)
        deadline = datetime.fromisoformat(fields["deadline"])
        if deadline.tzinfo is None:
            raise ValueError("its deadline has no time zone")
        return cls(**{**fields, "deadline": deadline})

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}, until {self.deadline:%Y-%m-%d %H:%M:%S} UTC"


def may_take(lease: Lease | None, now: datetime) -> bool:
    """Whether a run that does not hold the lease may take it; None is none."""
    return lease is None or now >= lease.deadline + MARGIN


def holds(lease: Lease | None, owner: str, now: datetime) -> bool:
    """Whether `owner` may commit, and renew, under what lies in the storage."""
    return lease is not None and lease.owner == owner and now <= lease.deadline - MARGIN
