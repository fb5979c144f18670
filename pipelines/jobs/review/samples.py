"""The samples behind a run, in any order: shards are streams, so what was passed on the way is kept."""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Iterator

from infra.errors import DatasetError
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage

MOST_BYTES = 2**29
"""Encoded images that are kept: 512 MiB."""


class Samples:
    """Samples by shard and key. Safe to use from several threads; one of them reads at a time."""

    def __init__(self, manifest: DatasetManifest, storage: Storage, most_bytes: int = MOST_BYTES) -> None:
        self._entries = {entry.name: entry for entry in manifest.shards}
        self._manifest = manifest
        self._storage = storage
        self._most_bytes = most_bytes
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str], Sample] = OrderedDict()
        self._num_bytes = 0

    def get(self, shard: str, key: str) -> Sample:
        """A sample with its encoded image; its shard is read up to it, unless it was passed lately.

        Raises:
            DatasetError: the shard is broken, or has no such sample.
            StorageError: it cannot be read.

        """
        with self._lock:
            if (shard, key) in self._kept:
                self._kept.move_to_end((shard, key))
                return self._kept[shard, key]
            for sample in self.read(shard):
                self._keep(shard, sample)
                if sample.key == key:
                    return sample
        raise DatasetError(
            f"shard {shard} of {self._manifest.url} has no sample {key!r}, of which the run has masks: it is not the "
            "shard that the run was made from; restore it"
        )

    def read(self, shard: str) -> Iterator[Sample]:
        """Every sample of a shard, in order. DatasetError or StorageError as `get`."""
        entry = self._entries.get(shard)
        if entry is None:
            raise DatasetError(
                f"{self._manifest.url} has no shard {shard}, of which the run has masks: restore it"
            )
        items = read_shard(self._storage, self._manifest.shard_url(entry), entry)
        return (item for item in items if isinstance(item, Sample))

    def _keep(self, shard: str, sample: Sample) -> None:
        if (shard, sample.key) in self._kept:
            return
        self._kept[shard, sample.key] = sample
        self._num_bytes += len(sample.image_bytes)
        while self._num_bytes > self._most_bytes and len(self._kept) > 1:
            _, gone = self._kept.popitem(last=False)
            self._num_bytes -= len(gone.image_bytes)
