"""Exactly-once commit of a shard's rows.

A worker writes one part file per table, and only when all of them are durable it creates the shard's
commit record with a create-only put. Whoever creates the record wins; the rows of every other attempt were
never part of the run. Readers take what records name, so half a shard can be read at no moment.

A shard may be with two workers at once: one that was given up is still running when its shard is handed out
again. Each hand-out is an attempt of its own, and Ray is told never to repeat a call. Every call still draws a token
of its own, which its part files and its record carry: no two calls ever write the same path, whoever repeats them,
and a record that a call meets because its put was sent twice can be told from a rival's.
"""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import time
import uuid
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Annotated, Any

from annotated_types import Ge
from pydantic import AwareDatetime

from infra.errors import RunDirectoryError, StorageError
from infra.json_text import JsonValue, parse_json
from infra.runs.part_writer import PartWriter
from infra.runs.shard_rows import ShardRows
from infra.runs.tables import CLICKS, ERRORS, MASKS
from infra.runs.time_spent import TimeSpent
from infra.shards.content_digest import NO_CONTENT, ContentDigest
from infra.shards.shard_note import NoteCount
from infra.storage.create_once import create_or_read
from infra.storage.files import Storage, basename, join
from infra.strict_json import from_json, to_json

COMMITS_FOLDER = "commits"
_CHECKSUM = "sha256"
_SHARD_EXTENSIONS = (".tar", ".parquet")


class CommitOutcome(StrEnum):
    """What became of an attempt.

    Its rows are in the run; or another's are, and its own parts are gone; or its parts wait for the driver's commit.
    """

    COMMITTED = "committed"
    LOST = "lost"
    PENDING = "pending"


@dataclass(frozen=True)
class PartRecord:
    """One part file: `path` relative to the run directory, and what its content must be."""

    path: str
    rows: Annotated[int, Ge(0)]
    bytes: Annotated[int, Ge(0)]
    sha256: str


@dataclass(frozen=True)
class Unclicked:
    """What a click log that covers a part of the data has no click on.

    `samples` without any click, and `objects` with a mask (or a record in the shard) of samples that have some.
    """

    samples: Annotated[int, Ge(0)] = 0
    objects: Annotated[int, Ge(0)] = 0

    def __add__(self, other: Unclicked) -> Unclicked:
        return Unclicked(self.samples + other.samples, self.objects + other.objects)

    def __str__(self) -> str:
        of_others = " of other samples" if self.samples else ""
        counts = ((self.samples, "sample", ""), (self.objects, "object", of_others))
        told = [f"{count:,} {what}{'s' * (count != 1)}{of}" for count, what, of in counts if count]
        return " and ".join(told) or "nothing"


NONE_UNCLICKED = Unclicked()


@dataclass(frozen=True)
class CommitRecord:
    """What makes a shard's parts count.

    `attempt` is the hand-out, `token` the call that wrote the parts. `parts` is keyed by table name.
    `objects` counts mask rows. `seconds` is the wall time from the start of the shard until its parts were
    durable, `finished` (UTC, the worker's clock) that last moment. `spent` says what the worker's threads did in it.
    `model_id` is that of every row but those that were taken over from another run.
    `unclicked` is what the click log left out. `notes` say what of the shard was left
    out or taken for something, beside its errors. `content` is the sum over every sample that was read, 64 hexadecimal
    digits (`infra.shards.content_digest`), also of those that were left out.
    """

    shard: str
    attempt: str
    token: str
    parts: Mapping[str, PartRecord]
    objects: Annotated[int, Ge(0)]
    seconds: Annotated[float, Ge(0)]
    spent: TimeSpent
    finished: AwareDatetime
    model_id: str
    unclicked: Unclicked = NONE_UNCLICKED
    notes: tuple[NoteCount, ...] = ()
    content: str = str(NO_CONTENT)

    def __post_init__(self) -> None:
        if missing := {MASKS.name, CLICKS.name, ERRORS.name} - self.parts.keys():
            raise ValueError(f"it names no part of {', '.join(sorted(missing))}")
        for name, part in self.parts.items():
            if part.path != f"{name}/{basename(part.path)}":  # whoever reads parts stays in the run directory
                raise ValueError(f"the part {part.path!r} does not lie in {name}/")
        ContentDigest.from_hex(self.content)
        try:
            self.finished - timedelta(seconds=self.seconds)  # when the shard was begun
        except OverflowError:
            raise ValueError(f"it says that the shard took {self.seconds} s") from None

    def to_bytes(self) -> bytes:
        """Return the content of the record's file: its fields, and a checksum over them."""
        fields = to_json(self)
        return json.dumps(fields | {_CHECKSUM: _checksum(fields)}, indent=1).encode()

    @classmethod
    def from_bytes(cls, data: bytes) -> CommitRecord:
        """Read a record. Raises ValueError if the bytes are no record, or not whole."""
        fields = parse_json(data)
        checksum = fields.pop(_CHECKSUM, None) if isinstance(fields, dict) else None
        record = from_json(cls, fields)
        if checksum != _checksum(fields):
            raise ValueError("its checksum is another")
        return record


def shard_stem(shard: str) -> str:
    """Return the name of a shard as files carry it: no extension, slashes and other odd characters as ~XX."""
    extension = next((extension for extension in _SHARD_EXTENSIONS if shard.endswith(extension)), "")
    return _escape(shard.removesuffix(extension), keep="A-Za-z0-9._-")


def commit_url(run_url: str, shard: str) -> str:
    """Return where the commit record of a shard lies."""
    return join(run_url, COMMITS_FOLDER, f"{shard_stem(shard)}.json")


def is_part_of(path: str, stems: Collection[str]) -> bool:
    """Tell whether a file is a part of one of these shards (`shard_stem`), finished or left unfinished by its writer.

    What follows the last dash is the attempt, which has none. The unfinished file has a dot before the name.
    """
    stem = basename(path).rpartition("-")[0]
    return stem in stems or (stem.startswith(".") and stem[1:] in stems)


def write_parts(
    storage: Storage,
    run_url: str,
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
    """Make the parts of an attempt durable and return the record that would make them count.

    `seconds` is the wall time since the shard was begun, and `spent` what it went into; the storing is measured here.
    `model_id` is the model that clicked it, `unclicked` what the click log left out, `notes` are those of the shard's
    reader, `content` is what it has read.

    Raises:
        StorageError: something could not be written or read.
        ValueError: a row holds what its table cannot.

    """
    begun = time.monotonic()
    token = uuid.uuid4().hex[:12]
    rows.finish()
    name = f"{shard_stem(shard)}-{_escape(attempt, keep='A-Za-z0-9_')}_{token}.parquet"
    parts = {part.kind.name: _store_part(storage, run_url, part, name) for part in rows.parts}
    storing = time.monotonic() - begun
    return CommitRecord(
        shard=shard,
        attempt=attempt,
        token=token,
        parts=parts,
        objects=rows.masks.num_rows,
        seconds=seconds + storing,
        spent=replace(spent, storing=storing),
        finished=datetime.now(UTC),
        model_id=model_id,
        unclicked=unclicked,
        notes=notes,
        content=str(content),
    )


def put_record(storage: Storage, run_url: str, record: CommitRecord) -> CommitOutcome:
    """Make the parts that a record names count, unless an attempt at its shard was first: then they are deleted.

    After LOST the record that is there names the attempt that won; it may be this very one, in an earlier call. After
    an exception the outcome is open: the record may exist, so the parts stay. For a storage that does not honour
    create-only puts see `commit_guard`.

    Raises:
        StorageError: something could not be written or read.
        RunDirectoryError: the record that is there belongs to another shard of the same stem, or is no record.

    """
    url = commit_url(run_url, record.shard)
    existing = create_or_read(storage, url, record.to_bytes())
    if existing is None:
        return CommitOutcome.COMMITTED
    winner = _parse(url, existing)
    if winner.token == record.token:
        return CommitOutcome.COMMITTED
    for part in record.parts.values():
        # what stays behind here is what `delete_orphans` is for
        with contextlib.suppress(StorageError):
            storage.delete(join(run_url, part.path))
    if winner.shard != record.shard:
        raise RunDirectoryError(
            f"{url} commits shard {winner.shard!r}, so {record.shard!r} cannot be committed: "
            "names of shards must differ before their extension; rename one of the two"
        )
    return CommitOutcome.LOST


def read_commit(storage: Storage, url: str) -> CommitRecord:
    """Read one commit record. Raises StorageError, or RunDirectoryError if the file is none, or another shard's."""
    record = _parse(url, storage.read_bytes(url))
    if basename(url) != f"{shard_stem(record.shard)}.json":
        raise RunDirectoryError(
            f"{url} is the commit record of shard {record.shard!r} under another name: delete it to have the shard "
            "of this name done"
        )
    return record


def _parse(url: str, data: bytes) -> CommitRecord:
    try:
        return CommitRecord.from_bytes(data)
    except ValueError as error:
        raise RunDirectoryError(
            f"{url} is no commit record of this version ({error}): delete it to have the shard done again"
        ) from None


def _store_part(storage: Storage, run_url: str, part: PartWriter[Any], name: str) -> PartRecord:
    path = f"{part.kind.name}/{name}"
    num_bytes = part.path.stat().st_size
    url = join(run_url, path)
    storage.write_file(url, part.path)
    stored = storage.size(url)  # raises if a store has acknowledged what it does not have
    if stored != num_bytes:
        raise StorageError(f"cannot write {url}: {stored} of {num_bytes} bytes arrived; try again")
    with part.path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return PartRecord(path, part.num_rows, num_bytes, sha256)


def _checksum(fields: Mapping[str, JsonValue]) -> str:
    """Of a record's other fields. Parts that no record names are deleted: one wrong digit here must not pass."""
    return hashlib.sha256(json.dumps(fields, sort_keys=True).encode()).hexdigest()


def _escape(text: str, keep: str) -> str:
    """Replace every character outside `keep` by its UTF-8 bytes as ~XX; two texts never become one."""
    return re.sub(f"[^{keep}]", lambda match: "".join(f"~{byte:02X}" for byte in match[0].encode()), text)
