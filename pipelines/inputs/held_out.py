"""Keeping an evaluation set out of training: what it shares with other data is refused or left out."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping

from actors.stop_request import check_stop
from infra.shards.manifest import DatasetManifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from pipelines.errors import OptionError


def refuse_shared_shards(
    evaluation: DatasetManifest, others: Mapping[str, DatasetManifest], option: str = "--evaluation"
) -> None:
    """Refuse data that is the evaluation set, or holds a shard of it.

    `others` by how a person calls them; `option` is how the evaluation set was given.

    Raises:
        OptionError: one of them does.

    """
    checksums = _checksums(evaluation)
    for name, dataset in others.items():
        if dataset.fingerprint == evaluation.fingerprint:
            raise OptionError(
                f"{name} {dataset.url} is the data set of {option} {evaluation.url}: figures on what a model has "
                "learned from say nothing; give one that is held out"
            )
        shared = checksums.keys() & _checksums(dataset).keys()
        if shared:
            raise OptionError(
                f"{name} {dataset.url} holds shard {_checksums(dataset)[min(shared)]}, which is also in {option} "
                f"{evaluation.url}: give data sets that have no shard in common"
            )


def image_hashes(dataset: DatasetManifest, storage: Storage) -> frozenset[bytes]:
    """`image_hash` of every image of a data set, which is read once; 32 bytes of memory an image."""
    hashes: set[bytes] = set()
    for shard in dataset.shards:
        for item in read_shard(storage, dataset.shard_url(shard), shard):
            check_stop()
            if isinstance(item, Sample):
                hashes.add(image_hash(item))
    return frozenset(hashes)


def image_hash(sample: Sample) -> bytes:
    """SHA-256 of the encoded image: the same file under another key has it too; a picture encoded anew has another."""
    return hashlib.sha256(sample.image_bytes).digest()


def _checksums(dataset: DatasetManifest) -> dict[str, str]:
    """Shard names by checksum, of those that have one."""
    return {shard.sha256: shard.name for shard in dataset.shards if shard.sha256 is not None}
