"""Shards that a run has given up for now: a record each in the run directory, until the shard is committed.

A record counts only while its shard has no commit record. So a shard that is done later is complete from that moment
on, whether or not its record here has been deleted yet.
"""

from __future__ import annotations

import json
from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass

from infra.commit import shard_stem
from infra.errors import RunDirectoryError, StorageError
from infra.storage import Storage, basename, join

SET_ASIDE_FOLDER = "set_aside"
_READ_THREADS = 16


@dataclass(frozen=True)
class SetAsideShard:
    """A shard that was tried `tries` times in a row, and why the last try failed: one line."""

    shard: str
    tries: int
    reason: str

    def __str__(self) -> str:
        return f"shard {self.shard} was set aside after {self.tries} tries: {self.reason}"


def note_set_aside(storage: Storage, run_url: str, shard: SetAsideShard) -> None:
    """Write the shard's record, over an older one. StorageError where that is not possible."""
    url = join(run_url, SET_ASIDE_FOLDER, _file_name(shard.shard))
    storage.write_bytes(url, json.dumps(asdict(shard), indent=1).encode())


def set_aside_shards(storage: Storage, run_url: str, committed: Collection[str]) -> tuple[SetAsideShard, ...]:
    """Return the shards that are set aside, by name; those of the names in `committed` are not, any more.

    Raises:
        RunDirectoryError: a record is none of this version.
        StorageError: one cannot be read.

    """
    done = {_file_name(shard) for shard in committed}
    urls = [url for url in storage.list(join(run_url, SET_ASIDE_FOLDER)) if basename(url) not in done]
    with ThreadPoolExecutor(_READ_THREADS) as pool:
        records = pool.map(lambda url: _read(storage, url), urls)
        return tuple(record for record in records if record is not None)


def delete_outdated(storage: Storage, run_url: str, committed: Collection[str]) -> None:
    """Delete the records of shards that are committed now."""
    done = {_file_name(shard) for shard in committed}
    for url in storage.list(join(run_url, SET_ASIDE_FOLDER)):
        if basename(url) in done:
            storage.delete(url)


def _read(storage: Storage, url: str) -> SetAsideShard | None:
    """The record; None where it is gone since it was listed: another run has done the shard and cleared it away."""
    try:
        data = storage.read_bytes(url)
    except StorageError:
        if storage.exists(url):  # raises itself where the storage is what fails
            raise
        return None
    try:
        return SetAsideShard(**json.loads(data))
    except (ValueError, TypeError) as error:
        raise RunDirectoryError(
            f"{url} is no record of a shard that was set aside ({error}): delete it, nothing else depends on it"
        ) from None


def _file_name(shard: str) -> str:
    return f"{shard_stem(shard)}.json"
