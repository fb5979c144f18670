"""Taking the lease on a run directory, keeping it, and giving it back.

For a storage without a create-only put. What holds there, as long as a read gives what was written last, clocks differ
by less than `2 * MARGIN` and no put is done by the storage later than that after it was sent: of all runs into one
directory at most one commits, and a run that was stopped, cut off or killed commits nothing once another has begun.
Nothing that only looks before it writes can hold beyond that: a put that hangs on its way for longer may replace a
record. Even then a shard has one record and no row counts twice, but parts that the late record names may have been
deleted as nobody's; `mfp verify` finds that.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import UTC, datetime

from infra.errors import LeaseError, StorageError
from infra.runs.lease import TERM, Lease, holds, may_take
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_bytes

logger = logging.getLogger(__name__)

LEASE_FILE = "lease.json"
_SETTLE_SECONDS = 5.0
_RENEW_SECONDS = TERM.total_seconds() / 3
_RETRY_SECONDS = TERM.total_seconds() / 12
_LAST_RENEWAL_SECONDS = 5.0  # how long the end of a run waits for one that is under way


class HeldLease:
    """The lease of one run; a thread renews it at a third of its term."""

    def __init__(self, storage: Storage, run_url: str) -> None:
        self._storage = storage
        self._url = join(run_url, LEASE_FILE)
        self._mine = Lease(uuid.uuid4().hex, socket.gethostname(), os.getpid(), datetime.now(UTC))
        self._there: Lease | None = None  # what lies in the storage, as far as this run has seen
        self._is_over = threading.Event()
        self._renewing = threading.Thread(target=self._keep_renewed, name="lease", daemon=True)

    def take(self) -> None:
        """Take the lease, or raise LeaseError if another run holds it.

        Of runs that find it free at the same moment the last one to write has it. Each waits for longer than any of
        them may have taken from its look to its write, and then reads who that was.
        """
        begun = time.monotonic()
        self._there = self._read()
        if not may_take(self._there, datetime.now(UTC)):
            raise LeaseError(self._refusal())
        self._renew()
        seconds = time.monotonic() - begun
        if seconds > _SETTLE_SECONDS:
            raise StorageError(
                f"it took {seconds:.0f} s to take the lease {self._url}, more than the {_SETTLE_SECONDS:.0f} s that "
                "another run would wait for it: try again when the storage is faster"
            )
        time.sleep(_SETTLE_SECONDS)
        self._there = self._read()
        if not self._is_held():
            raise LeaseError(self._refusal())
        self._renewing.start()

    def check(self) -> None:
        """Raise LeaseError if this run is known to hold the lease no longer; reads nothing."""
        if not self._is_held():
            raise LeaseError(self._loss())

    def check_stored(self) -> None:
        """Read the lease and raise LeaseError unless this run holds it still."""
        self._there = self._read()
        self.check()

    def release(self) -> None:
        """Give the lease back if it is this run's: the next one need not wait for its deadline."""
        self._is_over.set()
        if self._renewing.is_alive():
            self._renewing.join(_LAST_RENEWAL_SECONDS)
        with suppress(StorageError, LeaseError):
            self._there = self._read()
            if self._is_held():
                self._storage.delete(self._url)

    def _is_held(self) -> bool:
        return holds(self._there, self._mine.owner, datetime.now(UTC))

    def _keep_renewed(self) -> None:
        """The renewing thread; it ends where there is nothing to renew any more, which `check` then tells."""
        pause = _RENEW_SECONDS
        while not self._is_over.wait(pause):
            try:
                self.check_stored()
                self._renew()
                pause = _RENEW_SECONDS
            except StorageError as error:
                logger.warning("the lease was not renewed: %s", error)
                pause = _RETRY_SECONDS
            except LeaseError:
                return

    def _renew(self) -> None:
        renewed = self._mine.renewed(datetime.now(UTC))
        self._storage.write_bytes(self._url, to_bytes(renewed))
        self._there = renewed

    def _read(self) -> Lease | None:
        if not self._storage.exists(self._url):
            return None
        try:
            return from_bytes(Lease, self._storage.read_bytes(self._url))
        except ValueError as error:
            raise LeaseError(
                f"{self._url} is no lease of this version ({error}): delete it if no other run is at work there"
            ) from None

    def _refusal(self) -> str:
        return (
            f"another run holds the lease {self._url} ({self._there}): wait until it has ended, or, if it was "
            "killed, for half a minute after that time; delete the file only if you know that it is gone"
        )

    def _loss(self) -> str:
        end = "nothing more is committed; the same command goes on with what is missing"
        if self._there is None:
            return f"the lease {self._url} was deleted while this run held it: {end}"
        if self._there.owner != self._mine.owner:
            return f"another run has taken over the lease {self._url} ({self._there}): {end}"
        return (
            f"the lease {self._url} was not renewed in time ({self._there}): {end} once the storage answers"
        )


@contextmanager
def held_lease(storage: Storage, run_url: str) -> Iterator[HeldLease]:
    """Hold the lease on a run directory inside the block.

    Raises:
        LeaseError: another run holds it, or the file is none of this version.
        StorageError: it cannot be read or written, or not fast enough.

    """
    lease = HeldLease(storage, run_url)
    try:
        lease.take()
        yield lease
    finally:
        lease.release()
