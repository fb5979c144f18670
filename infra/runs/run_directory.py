"""A run directory: its configuration, the parts of its tables, and the commits that say which count."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass

import pyarrow as pa

from infra.errors import RunDirectoryError
from infra.json_text import JsonValue
from infra.runs.commit import (
    COMMITS_FOLDER,
    NONE_UNCLICKED,
    CommitOutcome,
    CommitRecord,
    Unclicked,
    commit_url,
    is_part_of,
    put_record,
    read_commit,
    shard_stem,
    write_parts,
)
from infra.runs.run_config import RUN_FILE, RunRequest, read_config
from infra.runs.shard_rows import ShardRows
from infra.runs.tables import CLICKS, ERRORS, MASKS, RowT, TableKind, keys_of_part
from infra.runs.time_spent import TimeSpent
from infra.shards.content_digest import NO_CONTENT, ContentDigest
from infra.shards.shard_note import NoteCount
from infra.storage.files import Storage, basename, join

_READ_THREADS = 16


@dataclass(frozen=True)
class RunDirectory:
    """The directory at `url`: readable while its run goes on and after any crash."""

    url: str
    storage: Storage

    def open(self, request: RunRequest) -> None:
        """Begin the run, or go on with it: see `RunRequest.begin`."""
        request.begin(self.storage, self.url)

    def check(self, request: RunRequest) -> None:
        """Check that `open` would go on with what is there, if anything is: see `RunRequest.check`."""
        request.check(self.storage, self.url)

    def config(self) -> dict[str, JsonValue]:
        """Return what `run.json` holds. Raises RunDirectoryError if there is no run."""
        return read_config(self.storage, self.url)

    def committed(self) -> dict[str, CommitRecord]:
        """Return the record of every committed shard by its name: one listing, one small read per shard."""
        urls = [url for url in self.storage.list(join(self.url, COMMITS_FOLDER)) if url.endswith(".json")]
        with ThreadPoolExecutor(_READ_THREADS) as pool:
            records = pool.map(lambda url: read_commit(self.storage, url), urls)
            return {record.shard: record for record in records}

    def write_parts(
        self,
        shard: str,
        attempt: str,
        rows: ShardRows,
        *,
        seconds: float,
        spent: TimeSpent,
        model_id: str,
        unclicked: Unclicked = NONE_UNCLICKED,
        notes: tuple[NoteCount, ...] = (),
        content: ContentDigest = NO_CONTENT,
    ) -> CommitRecord:
        """Make the parts of an attempt durable: see `commit.write_parts`."""
        return write_parts(
            self.storage,
            self.url,
            shard,
            attempt,
            rows,
            seconds=seconds,
            spent=spent,
            model_id=model_id,
            unclicked=unclicked,
            notes=notes,
            content=content,
        )

    def put(self, record: CommitRecord) -> CommitOutcome:
        """Make those parts the shard's rows unless another attempt was first: see `commit.put_record`."""
        return put_record(self.storage, self.url, record)

    def record_of(self, shard: str) -> CommitRecord:
        """Return the record of a committed shard."""
        return read_commit(self.storage, commit_url(self.url, shard))

    def delete_orphans(self) -> int:
        """Delete the parts, finished or not, that lost attempts left behind, and return their number.

        Only parts of committed shards go: their record can never change, whereas the parts of any other
        shard may be named by a record that is just being created. Once every shard is committed a plain
        glob is exact.
        """
        records = self.committed()
        stems = {shard_stem(shard) for shard in records}
        named = {part.path for record in records.values() for part in record.parts.values()}
        orphans = [
            url
            for kind in (MASKS, CLICKS, ERRORS)
            for url in self.storage.list(join(self.url, kind.name))
            if is_part_of(url, stems) and f"{kind.name}/{basename(url)}" not in named
        ]
        for url in orphans:
            self.storage.delete(url)
        return len(orphans)

    def read_masks(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the mask rows of every committed shard."""
        return self._read(MASKS, columns)

    def sample_keys(self) -> set[str]:
        """Return the key of every sample with a row in `masks` or `errors`.

        Of each part only the column of keys is asked for, by range: parts of masks are large. So they are not held
        against their checksums.
        """
        urls = [
            join(self.url, record.parts[kind.name].path)
            for record in self.committed().values()
            for kind in (MASKS, ERRORS)
            if record.parts[kind.name].rows
        ]
        with ThreadPoolExecutor(_READ_THREADS) as pool:
            return set().union(*pool.map(self._keys_of_part, urls))

    def _keys_of_part(self, url: str) -> set[str]:
        with self.storage.open_ranges(url) as stream:
            try:
                return keys_of_part(stream)
            except (ValueError, OSError) as error:
                raise RunDirectoryError(f"{url} is no table of a run ({error}): see `mfp verify`") from None

    def read_clicks(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the click rows of every committed shard."""
        return self._read(CLICKS, columns)

    def read_errors(self, columns: Sequence[str] | None = None) -> pa.Table:
        """Return the error rows of every committed shard."""
        return self._read(ERRORS, columns)

    def _read(self, kind: TableKind[RowT], columns: Sequence[str] | None) -> pa.Table:
        records = self.committed().values()
        return pa.concat_tables([kind.empty(columns), *self.read_parts(kind, records, columns)])

    def read_parts(
        self, kind: TableKind[RowT], records: Iterable[CommitRecord], columns: Sequence[str] | None = None
    ) -> Iterator[pa.Table]:
        """Yield the part of one table for each record, in order, a few read ahead.

        Raises RunDirectoryError if a part is not the one that was committed.
        """
        waiting = list(records)
        with ThreadPoolExecutor(_READ_THREADS) as pool:
            for first in range(0, len(waiting), _READ_THREADS):
                batch = waiting[first : first + _READ_THREADS]
                yield from pool.map(lambda record: self._read_part(kind, record, columns), batch)

    def _read_part(
        self, kind: TableKind[RowT], record: CommitRecord, columns: Sequence[str] | None
    ) -> pa.Table:
        part = record.parts[kind.name]
        if part.rows == 0:
            return kind.empty(columns)
        url = join(self.url, part.path)
        data = self.storage.read_bytes(url)
        if hashlib.sha256(data).hexdigest() != part.sha256:
            raise RunDirectoryError(
                f"{url} ({len(data)} bytes) is not what shard {record.shard} committed ({part.bytes} bytes): "
                f"delete {commit_url(self.url, record.shard)} and run again to have the shard done anew"
            )
        try:
            return kind.from_parquet(data, columns)
        except ValueError as error:
            raise RunDirectoryError(f"{url} {error}: read it with the version that wrote it") from None


def run_at(storage: Storage, url: str, kind: TableKind[RowT]) -> RunDirectory | None:
    """Return the run at a URL, which is its directory or the folder of its parts of one table; None if there is none.

    The folder may hold parts of attempts that lost: the run knows which count.
    """
    parent = url.rstrip("/").rpartition("/")[0] or "."
    candidates = [url, parent] if basename(url) == kind.name else [url]
    for candidate in candidates:
        if storage.exists(join(candidate, RUN_FILE)):
            return RunDirectory(candidate, storage)
    return None
