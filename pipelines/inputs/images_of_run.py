"""The images of a run, by key and size: those that it has masks of or, from its data set, all of them."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass

from infra.errors import DatasetError, RunDirectoryError
from infra.exports.exported_sample import NO_CATEGORY
from infra.imports.known_images import KnownImage, KnownImages
from infra.json_text import JsonValue
from infra.runs.commit import CommitRecord
from infra.runs.repeated_keys import RepeatedKey
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import MASKS
from infra.shards.manifest import DatasetManifest, load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.run_record import LabelRecord, read_record

_COLUMNS = ("sample_key", "object_id", "height", "width", "rle")


@dataclass(frozen=True, slots=True)
class MaskOfRun:
    """A row of the masks table."""

    object_id: str
    rle: bytes


class ImagesOfRun:
    """The images of the committed shards of a run."""

    def __init__(self, url: str, storage: Storage) -> None:
        """Read what the run says of itself, and which images it has masks of.

        Raises:
            OptionError: the data set is another now.
            InfraError: run or data set cannot be read, or two shards have a sample of one key.
        """
        record = read_record(LabelRecord, url, storage)
        self._storage = storage
        self._manifest: DatasetManifest = load_manifest(storage, record.spec.dataset)
        if self._manifest.fingerprint != record.dataset.fingerprint:
            raise OptionError(
                f"{record.spec.dataset} is not the data set that the run was made from: its contents have changed "
                "since; restore it, or make the run again"
            )
        self.run = RunDirectory(url, storage)
        self.records: Mapping[str, CommitRecord] = self.run.committed()
        self._entries = [entry for entry in self._manifest.shards if entry.name in self.records]
        self._images: dict[str, KnownImage] = {}
        self._shard_of: dict[str, str] = {}
        records = [self.records[entry.name] for entry in self._entries]
        columns = ["sample_key", "height", "width"]
        for entry, table in zip(self._entries, self.run.read_parts(MASKS, records, columns), strict=True):
            for key, height, width in zip(*(table[name].to_pylist() for name in columns), strict=True):
                self._add(entry.name, key, height, width)

    def with_masks(self) -> KnownImages:
        """The images that the run has masks of."""
        return KnownImages(self._images.values())

    def all(self) -> KnownImages:
        """Those without a mask as well: every shard of the data set is read for them. InfraError if one cannot be."""
        for entry in self._entries:
            for sample in self._samples(entry.name):
                self._add(entry.name, sample.key, sample.height, sample.width)
        return KnownImages(self._images.values())

    def size_of(self, key: str) -> tuple[int, int]:
        """Height and width of an image that was found, pixels."""
        image = self._images[key]
        return image.height, image.width

    def by_shard(self, keys: Collection[str]) -> Mapping[str, list[str]]:
        """Keys of images that were found, by their shards, in the order of the data set."""
        found: dict[str, list[str]] = {entry.name: [] for entry in self._entries}
        for key in keys:
            found[self._shard_of[key]].append(key)
        return {shard: of_shard for shard, of_shard in found.items() if of_shard}

    def masks(self, shard: str, keys: Collection[str]) -> Mapping[str, list[MaskOfRun]]:
        """The rows of some images of a shard. InfraError if they cannot be read."""
        rows: dict[str, list[MaskOfRun]] = {key: [] for key in keys}
        (table,) = self.run.read_parts(MASKS, [self.records[shard]], _COLUMNS)
        for batch in table.to_batches(max_chunksize=1024):
            for row in batch.to_pylist():
                if row["sample_key"] in rows:
                    rows[row["sample_key"]].append(MaskOfRun(row["object_id"], row["rle"]))
        return rows

    def categories(self, shard: str, keys: Collection[str], attribute: str) -> Mapping[str, Categories]:
        """The classes of some images of a shard by the data set. InfraError if they are not there."""
        found: dict[str, Categories] = {}
        wanted = set(keys)
        for sample in self._samples(shard):
            if sample.key in wanted:
                found[sample.key] = Categories(
                    {
                        one.object_id: one.attributes[attribute]
                        for one in sample.objects
                        if attribute in one.attributes
                    },
                    sample.attributes.get(attribute),
                )
        if lost := sorted(wanted - found.keys()):
            raise DatasetError(
                f"shard {shard} of {self._manifest.url} has no sample {lost[0]!r}, of which the run has masks: it is "
                "not the shard that the run was made from; restore it"
            )
        return found

    def _samples(self, shard: str) -> Iterator[Sample]:
        (entry,) = (entry for entry in self._entries if entry.name == shard)
        items = read_shard(self._storage, self._manifest.shard_url(entry), entry)
        return (item for item in items if isinstance(item, Sample))

    def _add(self, shard: str, key: str, height: int, width: int) -> None:
        first = self._shard_of.setdefault(key, shard)
        if first != shard:
            raise RunDirectoryError(
                f"{self.run.url}: {RepeatedKey(key, first, shard)}; corrected labels are found by sample key: label "
                "data with other keys"
            )
        if key not in self._images:
            self._images[key] = KnownImage(key, height, width)


@dataclass(frozen=True)
class Categories:
    """The classes of the objects of a sample, by what the data set says of them, or else of the sample."""

    of_object: Mapping[str, JsonValue]
    of_sample: JsonValue

    def of(self, object_id: str) -> str:
        """The name of the class as exports have it: NO_CATEGORY if it is not known."""
        return _name(self.of_object.get(object_id, self.of_sample))

    @property
    def usual(self) -> str:
        """The class of an object that the data set does not have."""
        return _name(self.of_sample)


def _name(value: JsonValue) -> str:
    return ("" if value is None else str(value)) or NO_CATEGORY
