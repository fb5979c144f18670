"""A run as a stream of samples to export: its masks beside the images and classes of its data set."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from actors.specs.export import ExportSpec
from infra.errors import ExportError
from infra.exports.exported_sample import NO_CATEGORY, ExportedObject, ExportedSample
from infra.exports.file_name import DistinctPaths
from infra.json_text import JsonValue
from infra.runs.commit import CommitRecord
from infra.runs.reviews import Review, Verdict
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import MASKS, BoundingBox
from infra.shards.manifest import DatasetManifest, ShardEntry, load_manifest
from infra.shards.sample import Sample
from infra.shards.shard_reader import read_shard
from infra.storage.files import Storage
from pipelines.errors import OptionError
from pipelines.inputs.reviewed_rows import ReviewedRow, ReviewedRows, table_of
from pipelines.inputs.row_condition import RowCondition
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.inputs.sample_split import SampleSplit

_FIGURES = ("iou", "quality", "num_clicks", "model_id")


@dataclass
class ExportCounts:
    """What goes out, and what does not.

    Attributes:
        samples, objects: that are exported.
        filtered: objects that the filters leave out, also of samples that are not exported at all.
        thinned: samples that are exported without some of their objects.
        attributes: names of all attributes that the samples of the data set and their objects have.
        unclassed: objects that are exported as `NO_CATEGORY`, since neither they nor their samples have the attribute.
        reviewed: of the objects, those that a person has accepted, corrected or added.
        corrected, added: of those.
        rejected: masks that a person has rejected, and that are not exported.
    """

    samples: int = 0
    objects: int = 0
    filtered: int = 0
    thinned: int = 0
    attributes: set[str] = field(default_factory=set)
    unclassed: int = 0
    reviewed: int = 0
    corrected: int = 0
    added: int = 0
    rejected: int = 0

    def add(self, row: ReviewedRow) -> None:
        """Count an object that is exported."""
        self.objects += 1
        if row.review is not None:
            self.reviewed += 1
            self.corrected += row.review.verdict is Verdict.CORRECTED
            self.added += row.review.verdict is Verdict.ADDED


class ExportedSamples:
    """The samples of a run that the filters let through, with the masks as they are after review.

    Memory holds the rows of one shard and one image, and what people have decided.
    """

    def __init__(self, spec: ExportSpec, storage: Storage) -> None:
        """Read what the run says of itself.

        Raises:
            OptionError: the data set is another now, or a filter cannot be used.
            RunDirectoryError, DatasetError, StorageError: run or data set cannot be read.
        """
        self._spec = spec
        self._storage = storage
        self.run = RunDirectory(spec.run, storage)
        self.record = read_record(LabelRecord, spec.run, storage)
        self._manifest = _manifest(self.record, storage)
        self._records = self.run.committed()
        self._condition = RowCondition(spec.masks.min_quality, spec.masks.where)
        self._of_reviewed = RowCondition(0.0, spec.masks.where)  # a person has judged those
        self._reviewed = ReviewedRows(self.run)
        self.split = SampleSplit(spec.masks.split, self._manifest, storage)

    @property
    def is_whole(self) -> bool:
        """Whether every shard of the run is committed."""
        return len(self._records) == self.record.dataset.num_shards

    def read(self, counts: ExportCounts) -> Iterator[ExportedSample]:
        """Yield the samples, shard by shard in the order of the data set, and count them.

        Every call reads run and data set again, and yields the same.

        Raises:
            OptionError: `--where` says one thing of a mask and then another.
            ExportError: the data set does not have the sample of a mask, or has it in another size.
            RunDirectoryError, DatasetError, StorageError: run or data set cannot be read.
        """
        paths = DistinctPaths()
        for entry in self._manifest.shards:
            record = self._records.get(entry.name)
            if record is not None and self.split.has_shard(entry):
                yield from self._of_shard(entry, record, counts, paths)

    def _of_shard(
        self, entry: ShardEntry, record: CommitRecord, counts: ExportCounts, paths: DistinctPaths
    ) -> Iterator[ExportedSample]:
        (table,) = self.run.read_parts(MASKS, [record])
        rows, left_out = self._rows_by_sample(entry.name, table)
        rejected = self._reviewed.rejected(entry.name)
        not_met = rows.keys() | left_out.keys()
        url = self._manifest.shard_url(entry)
        for item in read_shard(self._storage, url, entry):
            if not isinstance(item, Sample):
                continue
            not_met.discard(item.key)
            if not self.split.takes(item.key):
                continue
            kept = rows.get(item.key, [])
            dropped = left_out.get(item.key, 0)
            counts.filtered += dropped
            counts.rejected += rejected[item.key]
            is_empty = not kept and not dropped and not item.objects and self._spec.masks.empty_images
            if not kept and not is_empty:
                continue
            counts.samples += 1
            for row in kept:
                counts.add(row)
            counts.thinned += dropped > 0
            counts.attributes.update(item.attributes, *(truth.attributes for truth in item.objects))
            sample = self._sample(item, paths.of_key(item.key), kept, dropped)
            counts.unclassed += sum(not one.category for one in sample.objects)
            yield _classed(sample)
        if not_met:
            raise ExportError(
                f"{url} does not have the sample {min(not_met)!r} of which {self._spec.run} has masks: it is not the "
                "shard that the run was made from; restore it, or make the run again"
            )

    def _rows_by_sample(
        self, shard: str, table: pa.Table
    ) -> tuple[Mapping[str, list[ReviewedRow]], Mapping[str, int]]:
        """Rows that pass, by sample key in the order of the part, and the number of those that do not."""
        reviewed = list(self._reviewed.of_shard(shard, table))
        passes = self._passing(table_of(reviewed) if self._reviewed.has(shard) else table, reviewed)
        rows: dict[str, list[ReviewedRow]] = defaultdict(list)
        left_out: dict[str, int] = defaultdict(int)
        for is_kept, row in zip(passes, reviewed, strict=True):
            if is_kept:
                rows[row.values["sample_key"]].append(row)
            else:
                left_out[row.values["sample_key"]] += 1
        return rows, left_out

    def _passing(self, table: pa.Table, rows: Sequence[ReviewedRow]) -> NDArray[np.bool_]:
        is_reviewed = np.array([row.review is not None for row in rows], np.bool_)
        passes = self._of_reviewed.passing(table) if is_reviewed.any() else np.zeros(len(rows), np.bool_)
        if self._spec.masks.reviewed == "only":
            return passes & is_reviewed
        return np.where(is_reviewed, passes, self._condition.passing(table))

    def _sample(
        self, sample: Sample, path: str, reviewed: Sequence[ReviewedRow], dropped: int
    ) -> ExportedSample:
        for row in (one.values for one in reviewed):
            if (row["height"], row["width"]) != (sample.height, sample.width):
                raise ExportError(
                    f"sample {sample.key!r} has {sample.height} x {sample.width} pixels, and its masks in "
                    f"{self._spec.run} have {row['height']} x {row['width']}: it is not the image that the run was "
                    "made from; restore it, or make the run again"
                )
        attributes = {truth.object_id: truth.attributes for truth in sample.objects}
        name = self._spec.category
        objects = tuple(
            ExportedObject(
                object_id=row["object_id"],
                category=_reviewed_category(one.review)
                or _category(name, attributes.get(row["object_id"], {}), sample.attributes),
                rle=row["rle"],
                bbox=BoundingBox(**row["bbox"]),
                area=row["area"],
                figures={figure: row[figure] for figure in _FIGURES if row[figure] is not None},
            )
            for one in reviewed
            for row in [one.values]
        )
        return ExportedSample(
            sample.key,
            f"{path}.{sample.extension}",
            sample.height,
            sample.width,
            sample.image_bytes,
            objects,
            is_partial=dropped > 0 or not attributes.keys() <= {one.object_id for one in objects},
        )


def _reviewed_category(review: Review | None) -> str:
    """The class that a person has given; empty if nobody has."""
    return (review.category or "") if review is not None else ""


def _classed(sample: ExportedSample) -> ExportedSample:
    """The sample with `NO_CATEGORY` for a class that is not known."""
    objects = (replace(one, category=one.category or NO_CATEGORY) for one in sample.objects)
    return replace(sample, objects=tuple(objects))


def _category(name: str, of_object: Mapping[str, JsonValue], of_sample: Mapping[str, JsonValue]) -> str:
    """The name of the class; empty if it is not known."""
    value = of_object.get(name, of_sample.get(name))
    return "" if value is None else str(value)


def _manifest(record: LabelRecord, storage: Storage) -> DatasetManifest:
    manifest = load_manifest(storage, record.spec.dataset)
    if manifest.fingerprint != record.dataset.fingerprint:
        raise OptionError(
            f"{record.spec.dataset} is not the data set that the run was made from: its contents have changed since, "
            "and masks would lie on other images"
        )
    return manifest
