"""Writing a data set: WebDataset tars whose bytes depend on the samples alone, and `dataset.json` last.

Members are `<key>.jpg|png|webp` and `<key>.json`. In member names dots (and per cent signs) of a key's last
component are percent-encoded, since a key ends at the first dot; the JSON holds the key itself.
"""

from __future__ import annotations

import hashlib
import io
import re
import tarfile
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, islice
from pathlib import Path
from typing import TypeAlias

from infra.errors import DatasetError, Reason
from infra.json_text import JsonValue
from infra.shards.manifest import (
    DatasetManifest,
    ShardEntry,
    has_manifest,
    mark_incomplete,
    write_manifest,
    written_manifest,
)
from infra.shards.sample import QuarantinedSample, Sample
from infra.shards.sample_document import ShardItem, dump_document
from infra.storage.files import Storage, basename, join

OnRefused: TypeAlias = Callable[[Sample, QuarantinedSample], object]

_SHARD_NAME = re.compile(r"shard-\d{6,}\.tar")
_UNUSABLE_KEY_NAME = "unusable-key"


def write_dataset(
    items: Iterable[ShardItem],
    destination: str,
    storage: Storage,
    samples_per_shard: int = 500,
    lineage: Mapping[str, JsonValue] | None = None,
    on_refused: OnRefused = lambda sample, record: None,
    outdated: Sequence[str] = (),
) -> DatasetManifest:
    """Write samples as tar shards, over a data set that is there already.

    The records of objects that are set aside come right before their sample. A sample whose key was used
    before, or is no name that another program could store, is set aside as well. Memory holds one sample; a
    shard is put together in a temporary file.

    Args:
        items: samples and records, in the order in which they are stored.
        destination: URL of a folder.
        storage: opens it.
        samples_per_shard: at least 1; what is set aside counts as a sample.
        lineage: what the samples were made of, a field of `dataset.json`; None: nothing to say.
        on_refused: is told of a sample that is set aside here, and why.
        outdated: names of files that describe the data set; those of one that is written over are deleted first.

    Raises:
        DatasetError: there is nothing to write, or tars are there that are not a data set of ours.

    """
    if samples_per_shard < 1:
        raise DatasetError(f"samples per shard is {samples_per_shard}: at least 1 is needed")
    entries = _entries(items, on_refused)
    first = next(entries, None)  # errors of the source show before anything is written
    if first is None:
        raise DatasetError("the source has no samples: there is nothing to write")
    _refuse_foreign_shards(storage, destination)
    if has_manifest(storage, destination):
        for name in outdated:
            storage.delete(join(destination, name))
    mark_incomplete(storage, destination)
    shards: list[ShardEntry] = []
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "shard.tar")
        while first is not None:
            name = f"shard-{len(shards):06d}.tar"
            shards.append(_write_shard(path, name, chain([first], islice(entries, samples_per_shard - 1))))
            storage.write_file(join(destination, name), path)
            first = next(entries, None)
    manifest = written_manifest(destination, tuple(shards))
    write_manifest(storage, manifest, lineage)
    _delete_stale_shards(storage, manifest)
    return manifest


@dataclass(frozen=True)
class _Entry:
    """What becomes one sample of a tar: its JSON, and its image unless the sample is set aside as a whole."""

    member_key: str
    document: bytes
    sample: Sample | None
    num_quarantined: int


def _entries(items: Iterable[ShardItem], on_refused: OnRefused) -> Iterator[_Entry]:
    keys: set[str] = set()
    member_keys: set[str] = set()
    records: list[QuarantinedSample] = []
    for item in items:
        if records and records[-1].key != item.key:
            yield _entry(records[-1].key, None, records, member_keys)
            records = []
        if isinstance(item, QuarantinedSample):
            records.append(item)
            continue
        problem = _problem_of_key(item.key, keys)
        if problem is not None:
            records.append(QuarantinedSample(item.key, *problem))
            on_refused(item, records[-1])
            continue
        keys.add(item.key)
        yield _entry(item.key, item, records, member_keys)
        records = []
    if records:
        yield _entry(records[-1].key, None, records, member_keys)


def _entry(
    key: str, sample: Sample | None, records: Sequence[QuarantinedSample], member_keys: set[str]
) -> _Entry:
    try:
        document = dump_document(key, sample, records)
    except ValueError as error:
        records = [*records, QuarantinedSample(key, Reason.BAD_METADATA, f"attributes are no JSON: {error}")]
        sample, document = None, dump_document(key, None, records)
    member_key = _member_key(key)
    while member_key in member_keys:  # a sample set aside for its key
        member_key += "~"
    member_keys.add(member_key)
    return _Entry(member_key, document, sample, len(records))


def _problem_of_key(key: str, keys: set[str]) -> tuple[Reason, str] | None:
    if key in keys:
        return Reason.DUPLICATE_KEY, "an earlier sample has this key"
    if _is_unusable(key):
        return Reason.BAD_METADATA, "the key is no relative path of printable UTF-8 components"
    return None


def _is_unusable(key: str) -> bool:
    # a name that would leave the folder, or not be one, where someone unpacks the tar
    return any(part in {"", ".", ".."} for part in key.split("/")) or not key.isprintable()


def _member_key(key: str) -> str:
    if _is_unusable(key):
        return _UNUSABLE_KEY_NAME
    folder, slash, base = key.rpartition("/")
    return f"{folder}{slash}{base.replace('%', '%25').replace('.', '%2E')}"


def _write_shard(path: Path, name: str, entries: Iterable[_Entry]) -> ShardEntry:
    num_samples = num_objects = num_quarantined = 0
    with tarfile.open(path, "w", format=tarfile.PAX_FORMAT) as tar:
        for entry in entries:
            if entry.sample is not None:
                _add(tar, f"{entry.member_key}.{entry.sample.extension}", entry.sample.image_bytes)
                num_samples += 1
                num_objects += len(entry.sample.objects)
            _add(tar, f"{entry.member_key}.json", entry.document)
            num_quarantined += entry.num_quarantined
            tar.members = []  # type: ignore[attr-defined]  # tarfile remembers every member
    with path.open("rb") as stream:
        sha256 = hashlib.file_digest(stream, "sha256").hexdigest()
    return ShardEntry(name, path.stat().st_size, num_samples, num_objects, sha256, num_quarantined)


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # time 0, no owner, mode 0644: the same bytes on every machine
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


def _refuse_foreign_shards(storage: Storage, destination: str) -> None:
    if has_manifest(storage, destination):
        return
    foreign = [url for url in storage.list(destination) if _SHARD_NAME.fullmatch(basename(url))]
    if foreign:
        raise DatasetError(
            f"{destination} holds {basename(foreign[0])} without dataset.json: choose an empty folder"
        )


def _delete_stale_shards(storage: Storage, manifest: DatasetManifest) -> None:
    names = {shard.name for shard in manifest.shards}
    for url in storage.list(manifest.url):
        if _SHARD_NAME.fullmatch(basename(url)) and basename(url) not in names:
            storage.delete(url)
