"""The samples that `--split` lets through: of shards with a split in their path, or of a list."""

from __future__ import annotations

from collections.abc import Sequence

from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.splits import split_of, splits_of
from infra.storage.files import Storage
from infra.storage.locations import expand_home
from pipelines.errors import OptionError

_LIST_SUFFIX = ".txt"


class SampleSplit:
    """All samples, those of a named split, or those whose keys are in a list; it notes which keys of a list it met."""

    def __init__(self, split: str, manifest: DatasetManifest, storage: Storage) -> None:
        """Read the list, if it is one.

        Args:
            split: a name, the path of a text file with one sample key a line, or empty for all samples.
            manifest: the data set.
            storage: of the list.

        Raises:
            OptionError: no shard has such a split in its path, or the list has no key.
            StorageError: the list cannot be read.
        """
        self.is_list = split.endswith(_LIST_SUFFIX)
        self.name = "" if self.is_list else split
        self._is_met: dict[str, bool] = {}
        if self.is_list:
            self._is_met = dict.fromkeys(_keys_of(split, storage), False)
        elif split and not any(map(self.has_shard, manifest.shards)):
            raise OptionError(_no_shard(split, manifest))

    def has_shard(self, entry: ShardEntry) -> bool:
        """Whether samples of the shard may pass."""
        return not self.name or split_of(entry.name) == self.name

    def takes(self, key: str) -> bool:
        """Whether a sample of such a shard passes."""
        if not self.is_list:
            return True
        if key in self._is_met:
            self._is_met[key] = True
            return True
        return False

    @property
    def num_keys(self) -> int:
        """How many keys the list has."""
        return len(self._is_met)

    @property
    def unmatched(self) -> Sequence[str]:
        """The keys of the list that no sample had so far, in the order of the list."""
        return [key for key, is_met in self._is_met.items() if not is_met]


def _keys_of(split: str, storage: Storage) -> Sequence[str]:
    lines = storage.read_bytes(expand_home(split)).decode("utf-8-sig", "replace").splitlines()
    keys = [line.strip() for line in lines if line.strip()]
    if not keys:
        raise OptionError(f"the list {split} names no sample: write one sample key a line")
    return keys


def _no_shard(split: str, manifest: DatasetManifest) -> str:
    known = splits_of(entry.name for entry in manifest.shards)
    names = f"one of {', '.join(known)}, or " if known else ""
    return (
        f"--split {split}: no shard of the data set has that split in its path; give {names}a text file "
        f"({_LIST_SUFFIX}) with one sample key a line"
    )
