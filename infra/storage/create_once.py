"""A file that is created by exactly one of all who try."""

from __future__ import annotations

import time

from infra.errors import StorageError
from infra.storage.files import Storage

_ATTEMPTS = 20
_PAUSE_SECONDS = 0.25


def create_or_read(storage: Storage, url: str, data: bytes) -> bytes | None:
    """Create the file and return None, or return what it holds if it exists.

    The content that comes back may be `data` itself: a put that is sent again meets its own first success, so
    whoever needs to know who won puts something of their own into `data`.

    On a storage that does not honour the condition of the put, two at the same moment may both create, and the last
    one's file is there; one that was there before is never written over, since it is looked for first.

    Raises StorageError if the file can neither be created nor read.
    """
    if storage.exists(url):
        return storage.read_bytes(url)
    for _ in range(_ATTEMPTS):
        if storage.create_bytes(url, data):
            return None
        if storage.exists(url):
            return storage.read_bytes(url)
        # S3's 409: a rival's put is under way and has neither succeeded nor failed
        time.sleep(_PAUSE_SECONDS)
    raise StorageError(f"cannot create {url}: the storage neither creates nor has it; try again")
