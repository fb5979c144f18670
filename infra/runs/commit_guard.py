"""What keeps two runs into one directory from committing one shard twice.

Where the storage honours create-only puts, that is the put of the commit record itself: workers commit, and of any
number of runs, attempts and calls that come too late one wins each shard. Elsewhere a lease lets one run in at a time,
and that run's driver alone puts its records, one after the other: a worker that comes back after its shard was given to
another has written parts that nobody names.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from infra.runs.commit import CommitOutcome, CommitRecord
from infra.runs.held_lease import HeldLease, held_lease
from infra.runs.lease import TERM
from infra.runs.run_directory import RunDirectory
from infra.storage.create_probe import honours_condition


@dataclass(frozen=True)
class CommitGuard:
    """The guard of one run into a directory; `lease` None: the storage's create-only put."""

    run: RunDirectory
    lease: HeldLease | None

    @property
    def driver_commits(self) -> bool:
        """Whether workers must leave their records to the driver."""
        return self.lease is not None

    def check(self) -> None:
        """Raise LeaseError if this run may commit no more; asks nothing of the storage."""
        if self.lease is not None:
            self.lease.check()

    def commit(self, record: CommitRecord) -> CommitOutcome:
        """Put a record whose parts a worker has written; for the driver, and from one thread.

        Raises:
            LeaseError: this run may commit no more.
            StorageError, RunDirectoryError: see `commit.put_record`.

        """
        assert self.lease is not None, "workers commit by themselves"
        self.lease.check_stored()
        return self.run.put(record)

    def __str__(self) -> str:
        if self.lease is None:
            return "commits are guarded by create-only puts, which this storage honours"
        return (
            "this storage does not honour create-only puts: commits are guarded by a lease of "
            f"{TERM.total_seconds():.0f} s, which this run renews"
        )


@contextmanager
def guarded(run: RunDirectory) -> Iterator[CommitGuard]:
    """Find out which guard the storage of a run needs, and have it in force inside the block.

    Raises:
        LeaseError: another run is at work in the directory, and only one can be.
        StorageError: the storage cannot be written or read.

    """
    if honours_condition(run.storage, run.url):
        yield CommitGuard(run, None)
        return
    with held_lease(run.storage, run.url) as lease:
        yield CommitGuard(run, lease)
