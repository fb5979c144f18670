"""What a data set consists of: its shards with sizes and checksums, from `dataset.json` or from one listing."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Annotated, Any, TypeAlias

from annotated_types import Ge

from infra.errors import DatasetError
from infra.json_text import JsonValue, parse_json
from infra.shards.shard_listing import Kind, kind_of, list_shards
from infra.shards.shard_pattern import is_pattern
from infra.storage.files import Storage, basename, join
from infra.strict_json import from_json, to_json

MANIFEST_NAME = "dataset.json"
_FORMAT = "mfp-dataset"
_VERSION = 1
_Count: TypeAlias = Annotated[int, Ge(0)]


@dataclass(frozen=True)
class ShardEntry:
    """One shard: its path below the data set, its size in bytes, and what is in it.

    `samples` and `objects` count what can be used, `quarantined` the records of what cannot. All but name and
    bytes are None if the shards were found by listing.
    """

    name: str
    bytes: _Count
    samples: _Count | None = None
    objects: _Count | None = None
    sha256: str | None = None
    quarantined: _Count | None = None


@dataclass(frozen=True)
class DatasetManifest:
    """A data set at `url`; `fingerprint` (hex SHA-256) changes with the contents of any shard.

    `remarks`: what a person is told of how the shards were chosen, if they were listed.
    """

    url: str
    shards: tuple[ShardEntry, ...]
    fingerprint: str
    kind: Kind
    remarks: tuple[str, ...] = ()

    @property
    def num_samples(self) -> int | None:
        """Samples in all shards, None if no one has counted them."""
        return _total(shard.samples for shard in self.shards)

    @property
    def num_objects(self) -> int | None:
        """Objects in all shards, None if no one has counted them."""
        return _total(shard.objects for shard in self.shards)

    @property
    def num_quarantined(self) -> int | None:
        """Records of unusable samples and objects in all shards, None if no one has counted them."""
        return _total(shard.quarantined for shard in self.shards)

    @property
    def is_foreign(self) -> bool:
        """Tell whether the shards were listed, so that any program may have written them."""
        return any(shard.sha256 is None for shard in self.shards)

    def shard_url(self, shard: ShardEntry) -> str:
        """Return the URL of a shard."""
        return join(self.url, shard.name)


def written_manifest(url: str, shards: tuple[ShardEntry, ...]) -> DatasetManifest:
    """Describe tar shards that were just written; the fingerprint covers names and checksums."""
    return DatasetManifest(
        url, shards, _fingerprint((shard.name, str(shard.sha256)) for shard in shards), "tar"
    )


def write_manifest(
    storage: Storage, manifest: DatasetManifest, lineage: Mapping[str, JsonValue] | None = None
) -> None:
    """Store `dataset.json`: from here on the data set is complete. `lineage` says what it was made of, for people."""
    document: dict[str, Any] = {
        "format": _FORMAT,
        "version": _VERSION,
        "complete": True,
        "kind": manifest.kind,
        "fingerprint": manifest.fingerprint,
        "samples": manifest.num_samples,
        "objects": manifest.num_objects,
        "quarantined": manifest.num_quarantined,
        "shards": [to_json(shard) for shard in manifest.shards],
    }
    if lineage is not None:
        document["lineage"] = dict(lineage)
    storage.write_bytes(join(manifest.url, MANIFEST_NAME), _json_bytes(document))


def mark_incomplete(storage: Storage, url: str) -> None:
    """Store a `dataset.json` that says that shards are being written: no one takes a part for the whole."""
    document = {"format": _FORMAT, "version": _VERSION, "complete": False}
    storage.write_bytes(join(url, MANIFEST_NAME), _json_bytes(document))


def has_manifest(storage: Storage, url: str) -> bool:
    """Tell whether a data set was written, or begun, at `url`."""
    return _own_document(storage, url) is not None


def is_listed(storage: Storage, url: str) -> bool:
    """Tell whether all shards below `url` are one data set, because no `dataset.json` names them."""
    return basename(url) != MANIFEST_NAME and kind_of(url) is None and not has_manifest(storage, url)


def load_manifest(storage: Storage, url: str) -> DatasetManifest:
    """Load a data set by its folder, its `dataset.json`, the URL of a single shard, or a pattern of such URLs.

    A folder without `dataset.json` is listed once: all `.tar` or all `.parquet` files below it are its shards, if
    their names tell no more than one split. A pattern (`data/test-*.parquet`) chooses among them.

    Raises:
        DatasetError: there is no data set, it is not complete, or it is of two kinds or of several splits.
        StorageError: the storage does not answer.

    """
    if basename(url) == MANIFEST_NAME:
        url = url.removesuffix(MANIFEST_NAME).rstrip("/")
    is_folder = kind_of(url) is None and not is_pattern(url)
    document = _own_document(storage, url) if is_folder or storage.is_dir(url) else None
    if document is not None:
        return _parsed(url, document)
    listed = list_shards(storage, url)
    return DatasetManifest(
        url=listed.url,
        shards=tuple(ShardEntry(name, info.size) for name, info in listed.files),
        fingerprint=_fingerprint((name, f"{info.size} {info.version}") for name, info in listed.files),
        kind=listed.kind,
        remarks=listed.remarks,
    )


def _own_document(storage: Storage, url: str) -> dict[str, Any] | None:
    location = join(url, MANIFEST_NAME)
    if not storage.exists(location):
        return None
    try:
        document = parse_json(storage.read_bytes(location))
    except ValueError:
        raise DatasetError(f"{location} is no JSON: restore it, or run mfp shard again") from None
    return document if isinstance(document, dict) and document.get("format") == _FORMAT else None


def _parsed(url: str, document: dict[str, Any]) -> DatasetManifest:
    location = join(url, MANIFEST_NAME)
    if document.get("version") != _VERSION:
        raise DatasetError(f"{location} has version {document.get('version')}, this program reads {_VERSION}")
    if not document.get("complete"):
        raise DatasetError(f"the data set at {url} is not complete: mfp shard is at work, or run it again")
    try:
        manifest = written_manifest(url, from_json(tuple[ShardEntry, ...], document.get("shards")))
    except ValueError as error:
        raise DatasetError(
            f"{location} is not what mfp shard writes ({error}): run mfp shard again"
        ) from None
    for shard in manifest.shards:
        path = PurePosixPath(shard.name)
        if path.is_absolute() or ".." in path.parts or kind_of(path.name) is None:
            raise DatasetError(f"{location} names a shard {shard.name!r}: expected a .tar file below {url}")
    return manifest


def _fingerprint(parts: Iterable[tuple[str, str]]) -> str:
    digest = hashlib.sha256()
    for name, content in parts:
        digest.update(f"{name}\t{content}\n".encode(errors="surrogateescape"))
    return digest.hexdigest()


def _total(counts: Iterable[int | None]) -> int | None:
    total = 0
    for count in counts:
        if count is None:
            return None
        total += count
    return total


def _json_bytes(document: dict[str, Any]) -> bytes:
    return json.dumps(document, indent=1).encode() + b"\n"
