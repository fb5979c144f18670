"""Whether a storage honours the condition of a create-only put; some take it and write over what is there."""

from __future__ import annotations

import uuid
from contextlib import suppress

from infra.errors import StorageError
from infra.storage.files import Storage, join

PROBE_PREFIX = ".probe-"


def honours_condition(storage: Storage, folder_url: str) -> bool:
    """Create one small file in the folder twice and tell whether the first one stayed: two puts, a read, a deletion.

    What the file holds decides, not what the puts answer: a put that was sent twice meets its own first success and
    is told that it failed. A storage that looks and then writes, in two steps, passes; only writers at the same
    moment could tell it from one that decides in one step.

    Raises StorageError if the file cannot be written or read, or is neither of what was put there.
    """
    token = uuid.uuid4().hex
    url = join(folder_url, f"{PROBE_PREFIX}{token}")
    first, second = f"{token} first".encode(), f"{token} second".encode()
    try:
        storage.create_bytes(url, first)
        storage.create_bytes(url, second)
        found = storage.read_bytes(url)
    finally:
        # a probe that stays is in nobody's way
        with suppress(StorageError):
            storage.delete(url)
    if found not in {first, second}:
        raise StorageError(
            f"{url} holds what nobody wrote there: this storage cannot be relied on; try again"
        )
    return found == first
