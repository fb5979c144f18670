"""Masks that a labelling run has made, as samples to train on: those of sufficient quality, with their lineage."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass

from actors.specs.flywheel import Thresholds
from actors.stop_request import check_stop
from infra.json_text import JsonValue
from infra.runs.commit import CommitRecord
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import CLICKS, MASKS, ClickRow, MaskRow
from infra.shards.manifest import DatasetManifest, ShardEntry
from infra.shards.sample import ObjectTruth, Sample
from infra.shards.shard_reader import read_shard
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from infra.strict_json import to_json
from pipelines.inputs.held_out import image_hash

LINEAGE = "lineage"
"""The attribute of an object, and the field of `dataset.json`, that says where a mask comes from."""


@dataclass
class SelectionCounts:
    """What became of the masks of a run, in objects: `held_out` are those on images of the evaluation set."""

    seen: int = 0
    selected: int = 0
    held_out: int = 0


@dataclass(frozen=True)
class Selection:
    """Chooses masks of a run over `dataset` (the shards it labelled).

    `held_out` are the `image_hash`es of pictures that must never be trained on.
    """

    dataset: DatasetManifest
    run: RunDirectory
    thresholds: Thresholds
    held_out: Collection[bytes]

    def write(self, destination: str, storage: Storage, lineage: Mapping[str, JsonValue]) -> SelectionCounts:
        """Write the selected objects as a data set; nothing if there are none.

        Shard by shard: memory holds the rows of one shard and one sample. Every sample has the objects that were
        selected on its image, with the masks that the run made of them.

        Raises:
            RunDirectoryError, DatasetError, StorageError: run or data cannot be read, or the selection not written.

        """
        counts = SelectionCounts()
        samples = self.samples(counts)
        first = next(samples, None)
        if first is not None:
            document = {"run": self.run.url, "dataset": self.dataset.fingerprint, **to_json(self.thresholds)}
            write_dataset(_with_first(first, samples), destination, storage, lineage=document | dict(lineage))
        return counts

    def samples(self, counts: SelectionCounts) -> Iterator[Sample]:
        """Yield the samples with selected objects in the order of the shards, and count all objects seen."""
        records = self.run.committed()
        for shard in self.dataset.shards:
            if shard.name in records:
                yield from self._of_shard(shard, records[shard.name], counts)

    def _of_shard(self, shard: ShardEntry, record: CommitRecord, counts: SelectionCounts) -> Iterator[Sample]:
        masks = self._rows_by_sample(record, counts)
        if not masks:
            return
        clicks = self._clicks_by_object(record)
        for item in read_shard(self.run.storage, self.dataset.shard_url(shard), shard):
            check_stop()
            if not isinstance(item, Sample) or item.key not in masks:
                continue
            rows = masks.pop(item.key)
            if image_hash(item) in self.held_out:
                counts.held_out += len(rows)
                continue
            counts.selected += len(rows)
            yield Sample(
                key=item.key,
                image_bytes=item.image_bytes,
                extension=item.extension,
                height=item.height,
                width=item.width,
                objects=tuple(self._truth(row, clicks[row.sample_key, row.object_id]) for row in rows),
                ignore_rle=item.ignore_rle,
                attributes=item.attributes,
            )

    def _rows_by_sample(self, record: CommitRecord, counts: SelectionCounts) -> dict[str, list[MaskRow]]:
        passing: dict[str, list[MaskRow]] = defaultdict(list)
        for part in self.run.read_parts(MASKS, [record]):
            for row in MASKS.to_rows(part):
                counts.seen += 1
                if passes(row, self.thresholds):
                    passing[row.sample_key].append(row)
        return passing

    def _clicks_by_object(self, record: CommitRecord) -> dict[tuple[str, str], list[ClickRow]]:
        clicks: dict[tuple[str, str], list[ClickRow]] = defaultdict(list)
        for part in self.run.read_parts(CLICKS, [record]):
            for row in CLICKS.to_rows(part):
                clicks[row.sample_key, row.object_id].append(row)
        return clicks

    def _truth(self, row: MaskRow, clicks: Sequence[ClickRow]) -> ObjectTruth:
        lineage: dict[str, JsonValue] = {
            "run": self.run.url,
            "shard": row.shard,
            "model_id": row.model_id,
            "quality": row.quality,
            "iou": row.iou,
            "clicks": [[click.y, click.x, click.is_foreground] for click in clicks],
        }
        return ObjectTruth(row.object_id, row.rle, {LINEAGE: lineage})


def passes(row: MaskRow, thresholds: Thresholds) -> bool:
    """Whether a mask is good enough; without truth its IoU is not known to be."""
    if row.area < max(1, thresholds.min_area) or row.quality is None or row.quality < thresholds.min_quality:
        return False
    return thresholds.min_iou is None or (row.iou is not None and row.iou >= thresholds.min_iou)


def _with_first(first: Sample, rest: Iterator[Sample]) -> Iterator[Sample]:
    yield first
    yield from rest
