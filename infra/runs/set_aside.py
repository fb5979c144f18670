"""Shards that a run has given up for now: a record each in the run directory, until the shard is committed.

A record counts only while its shard has no commit record. So a shard that is done later is complete from that moment
on, whether or not its record here has been deleted yet.
"""

from __future__ import annotations

from collections.abc import Collection
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Annotated

from annotated_types import Ge

from infra.errors import RunDirectoryError, StorageError
from infra.runs.commit import CommitRecord, shard_stem
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage, basename, join
from infra.strict_json import from_bytes, to_bytes

SET_ASIDE_FOLDER = "set_aside"
_READ_THREADS = 16


@dataclass(frozen=True)
class SetAsideShard:
    """A shard that was tried `tries` times in a row, and why the last try failed: one line."""

    shard: str
    tries: Annotated[int, Ge(0)]
    reason: str

    def __post_init__(self) -> None:
        # names of another encoding are escaped: the reason is printed and becomes JSON
        object.__setattr__(self, "reason", self.reason.encode("utf-8", "backslashreplace").decode())

    def __str__(self) -> str:
        return f"shard {self.shard} was set aside after {self.tries} tries: {self.reason}"


def note_set_aside(storage: Storage, run_url: str, shard: SetAsideShard) -> None:
    """Write the shard's record, over an older one. StorageError if that is not possible."""
    url = join(run_url, SET_ASIDE_FOLDER, _file_name(shard.shard))
    storage.write_bytes(url, to_bytes(shard))


def committed_and_set_aside(run: RunDirectory) -> tuple[dict[str, CommitRecord], tuple[SetAsideShard, ...]]:
    """Return the commit record of every committed shard by its name, and the shards that are set aside, by name.

    The commits are read after the others were listed: a shard that another run commits meanwhile is committed and not
    set aside, never neither or both.

    Raises:
        RunDirectoryError: a record is none of this version.
        StorageError: one cannot be read.

    """
    # a writer that was killed leaves an unfinished file with another ending
    urls = [url for url in run.storage.list(join(run.url, SET_ASIDE_FOLDER)) if url.endswith(".json")]
    committed = run.committed()
    done = {_file_name(shard) for shard in committed}
    with ThreadPoolExecutor(_READ_THREADS) as pool:
        records = pool.map(
            lambda url: _read(run.storage, url), [url for url in urls if basename(url) not in done]
        )
        return committed, tuple(record for record in records if record is not None)


def delete_outdated(storage: Storage, run_url: str, committed: Collection[str]) -> None:
    """Delete the records of shards that are committed now."""
    done = {_file_name(shard) for shard in committed}
    for url in storage.list(join(run_url, SET_ASIDE_FOLDER)):
        if basename(url) in done:
            storage.delete(url)


def _read(storage: Storage, url: str) -> SetAsideShard | None:
    """The record; None if it is gone since it was listed: another run has done the shard and cleared it away."""
    try:
        data = storage.read_bytes(url)
    except StorageError:
        if storage.exists(url):  # raises itself where the storage is what fails
            raise
        return None
    try:
        return from_bytes(SetAsideShard, data)
    except ValueError as error:
        raise RunDirectoryError(
            f"{url} is no record of a shard that was set aside ({error}): delete it, nothing else depends on it"
        ) from None


def _file_name(shard: str) -> str:
    return f"{shard_stem(shard)}.json"
