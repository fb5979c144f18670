"""`mfp upgrade`: a run once more by another model, with what people have accepted or corrected as it is."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import dataclass, replace

import pyarrow as pa
import pyarrow.parquet as pq

from actors.specs.checked import checked
from actors.specs.label import LabelSpec
from actors.specs.review import UpgradeSpec
from infra import rle
from infra.json_text import JsonValue
from infra.runs.reviews import LOCKED, Reviews, Verdict, digest_of
from infra.runs.run_directory import RunDirectory
from infra.runs.tables import MASKS
from infra.storage.files import Storage, join
from infra.storage.locations import expand_home
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.label import RunSummary, run_label
from pipelines.jobs.report_files import REPORT_FOLDER
from pipelines.progress_report import OnProgress

CHANGES_FILE = "changes.parquet"
_COLUMNS = ("sample_key", "object_id", "height", "width", "rle", "iou", "quality")
_SCHEMA = pa.schema(
    {
        "shard": pa.string(),
        "sample_key": pa.string(),
        "object_id": pa.string(),
        "is_kept": pa.bool_(),
        "same": pa.float64(),
        "iou_before": pa.float64(),
        "iou_after": pa.float64(),
        "quality_before": pa.float64(),
        "quality_after": pa.float64(),
    }
)


@dataclass(frozen=True)
class Change:
    """An object that both runs have.

    Attributes:
        shard, sample_key, object_id: which one.
        is_kept: a person had accepted or corrected its mask: it was taken over.
        same: IoU of the mask before with that after, in [0, 1].
        iou_before, iou_after: with the truth; None if that is not known.
        quality_before, quality_after: the IoU that the models expected; None if none has seen the mask.
    """

    shard: str
    sample_key: str
    object_id: str
    is_kept: bool
    same: float
    iou_before: float | None
    iou_after: float | None
    quality_before: float | None
    quality_after: float | None


@dataclass(frozen=True)
class Upgraded:
    """What became of the objects of a run.

    Attributes:
        summary: of the new run.
        accepted, corrected, added: masks of people that were taken over with their reviews. Corrected and added masks
            are in the reviews; beside a correction stands the row that it corrects.
        rejected: masks that people had rejected: made again, and to be reviewed again.
        made_again: objects of both runs whose masks were not locked.
        changed: of those, masks that differ.
        mean_same: mean IoU of the masks before with those after, of those made again; 1 without any.
        mean_iou_before, mean_iou_after: with the truth, of those made again that have it; None without any.
        gone, new: objects that only the old run has, and only the new one.
    """

    summary: RunSummary
    accepted: int
    corrected: int
    added: int
    rejected: int
    made_again: int
    changed: int
    mean_same: float
    mean_iou_before: float | None
    mean_iou_after: float | None
    gone: int
    new: int

    def to_json(self) -> dict[str, JsonValue]:
        """For programs."""
        return {
            "objects": self.summary.objects,
            "accepted": self.accepted,
            "corrected": self.corrected,
            "added": self.added,
            "rejected": self.rejected,
            "made_again": self.made_again,
            "changed": self.changed,
            "mean_same": self.mean_same,
            "mean_iou_before": self.mean_iou_before,
            "mean_iou_after": self.mean_iou_after,
            "gone": self.gone,
            "new": self.new,
        }


def run_upgrade(spec: UpgradeSpec, on_progress: OnProgress | None = None) -> Upgraded:
    """Label the data of a run with another model, and the settings of the run, into another directory.

    What changed goes into its `report/changes.parquet`, a row for each object of both runs. The same call again goes on
    where it was interrupted.

    Raises:
        PipelineError, ActorsError, InfraError, MfpError: as `run_label`.
    """
    spec = checked(UpgradeSpec, spec)
    storage = Storage(spec.storage)
    spec = replace(spec, run=expand_home(spec.run), out=expand_home(spec.out))
    before, after = RunDirectory(spec.run, storage), RunDirectory(spec.out, storage)
    label_spec = label_spec_of(spec, storage)
    # what is decided while the new run is made is not taken over, and must not be reported as if it were
    reviews = Reviews(before)
    reviews.refresh()
    decided = [one.review for one in reviews.all()]
    summary = run_label(label_spec, on_progress)
    locked = {review.digest for review in decided if review.verdict in LOCKED}
    changes, num_before, num_after = _changes(before, after, locked)
    _write(changes, join(spec.out, REPORT_FOLDER, CHANGES_FILE), storage)
    verdicts = [review.verdict for review in decided]
    again = [change for change in changes if not change.is_kept]
    with_truth = [one for one in again if one.iou_before is not None and one.iou_after is not None]
    return Upgraded(
        summary=summary,
        accepted=verdicts.count(Verdict.ACCEPTED),
        corrected=verdicts.count(Verdict.CORRECTED),
        added=verdicts.count(Verdict.ADDED),
        rejected=verdicts.count(Verdict.REJECTED),
        made_again=len(again),
        changed=sum(one.same < 1 for one in again),
        mean_same=sum(one.same for one in again) / len(again) if again else 1.0,
        mean_iou_before=_mean([one.iou_before for one in with_truth]),
        mean_iou_after=_mean([one.iou_after for one in with_truth]),
        gone=num_before - len(changes),
        new=num_after - len(changes),
    )


def label_spec_of(spec: UpgradeSpec, storage: Storage) -> LabelSpec:
    """What `mfp label` is told: the settings of the old run, but for the model and how it is run."""
    old = read_record(LabelRecord, spec.run, storage).spec
    return replace(
        old,
        model=spec.model,
        out=spec.out,
        follow=False,
        follow_if_better=False,
        keep_reviewed=spec.run,
        workers=spec.workers,
        network=replace(old.network, backend="auto"),
        storage=spec.storage,
    )


def _changes(before: RunDirectory, after: RunDirectory, locked: set[str]) -> tuple[list[Change], int, int]:
    """The objects of both runs, and how many objects each of both has; `locked` are digests of those taken over."""
    old, new = before.committed(), after.committed()
    shards = sorted(old.keys() & new.keys())
    changes: list[Change] = []
    parts = zip(
        shards,
        before.read_parts(MASKS, [old[shard] for shard in shards], _COLUMNS),
        after.read_parts(MASKS, [new[shard] for shard in shards], _COLUMNS),
        strict=True,
    )
    for shard, of_old, of_new in parts:
        changes += _of_shard(shard, of_old, of_new, locked)
    return changes, sum(one.objects for one in old.values()), sum(one.objects for one in new.values())


def _of_shard(shard: str, old: pa.Table, new: pa.Table, locked: set[str]) -> Iterator[Change]:
    rows = {(row["sample_key"], row["object_id"]): row for row in old.to_pylist()}
    for row in new.to_pylist():
        name = row["sample_key"], row["object_id"]
        there = rows.get(name)
        if there is None:
            continue
        yield Change(
            shard,
            *name,
            is_kept=digest_of(shard, *name) in locked,
            same=1 - rle.distance(there["rle"], row["rle"], row["height"], row["width"]),
            iou_before=there["iou"],
            iou_after=row["iou"],
            quality_before=there["quality"],
            quality_after=row["quality"],
        )


def _write(changes: list[Change], url: str, storage: Storage) -> None:
    stream = io.BytesIO()
    pq.write_table(pa.Table.from_pylist([vars(change) for change in changes], schema=_SCHEMA), stream)
    storage.write_bytes(url, stream.getvalue())


def _mean(values: list[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return sum(known) / len(known) if known else None
