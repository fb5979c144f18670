"""The figures of a run: NoC, both NoF, mean IoU and AuC from its click table, and what else its commits say.

A report reads what is committed and nothing else, so it can be made while the run goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from infra.json_text import JsonValue
from infra.runs.commit import NONE_UNCLICKED, CommitRecord, Unclicked
from infra.runs.repeated_keys import RepeatedKey, repeated_keys
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard, committed_and_set_aside
from infra.runs.tables import CLICKS, ERRORS
from infra.shards.shard_note import NoteCount, NoteTally, ShardNote
from infra.storage.files import Storage
from infra.taken_models import taken_models
from mfp.metrics import ClickIous, auc, mean_iou_curve, noc, nof_never_reached, nof_published
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.click_protocol import ClickProtocol

THRESHOLDS: Mapping[str, float] = {"85": 0.85, "90": 0.90, "95": 0.95}

_REPEATED = (
    "sample keys that several shards have: each sample was clicked, but neither mfp compare nor a click log can tell "
    "them apart"
)


@dataclass(frozen=True)
class ThresholdFigures:
    """What it takes to reach one IoU: mean NoC over the objects, and the number of objects that fail.

    `nof_published` counts NoC = max_clicks, success at the last click included; `nof_never_reached` does not.
    """

    noc: float
    nof_published: int
    nof_never_reached: int


@dataclass(frozen=True)
class ModelFigures:
    """What one model did in a run that has followed a training run.

    `step` of the training, None if the run did not note it. `mean_iou` is that of the masks, after the last click
    on each; None without truth. `noc90` is None if NoC is not defined, see `Report`.
    """

    model_id: str
    step: int | None
    objects: int
    clicks: int
    mean_iou: float | None
    noc90: float | None


@dataclass(frozen=True)
class Report:
    """Figures of all committed shards of a run.

    `objects` and `clicks` count the click table; the figures are about `objects_with_truth` of them.
    `at_threshold` holds None if NoC is not defined: without truth; above `target_iou`, where simulated
    sessions stopped; and where the logged clicks of an object end below that IoU before `max_clicks`.
    `mean_iou`: entry t is the mean after click t + 1, `max_clicks` of them; a session that has ended carries its
    last IoU forward. `auc` is their trapezoid area over that of a constant 1. Both are None without truth.

    `clicks_per_second` is `clicks` over the wall time during which at least one shard that was then committed
    was being worked on: shards of several workers that overlap in time count once, pauses between two runs into
    the directory do not count, the start of the workers and lost attempts neither. None before the first commit.

    `models`: every model that clicked an object, in the order of their training steps. `set_aside`: shards that could
    not be done; nothing of them is in the figures.

    `num_shards` are committed of `num_expected`. `unclicked` is what the click log leaves
    out. `notes`: what in the shards was left out or taken for something, beside the errors.
    """

    run_url: str
    num_shards: int
    num_expected: int
    objects: int
    objects_with_truth: int
    clicks: int
    max_clicks: int
    target_iou: float | None
    at_threshold: Mapping[str, ThresholdFigures | None]
    mean_iou: tuple[float, ...] | None
    auc: float | None
    errors_by_reason: Mapping[str, int]
    clicks_per_second: float | None
    models: tuple[ModelFigures, ...] = ()
    set_aside: tuple[SetAsideShard, ...] = ()
    unclicked: Unclicked = NONE_UNCLICKED
    notes: tuple[NoteCount, ...] = ()

    @property
    def unfinished(self) -> str | None:
        """What is missing of the run, in words; None if nothing is, or nobody knows."""
        return unfinished(self.num_shards, self.num_expected)

    def to_json(self) -> dict[str, JsonValue]:
        """Return the figures for programs, as `mfp report --json` prints them; what is not defined is None."""
        figures = self.at_threshold.items()
        return {
            "finished": self.unfinished is None,
            "shards": self.num_shards,
            "shards_expected": self.num_expected,
            "objects": self.objects,
            "clicks": self.clicks,
            "unclicked": asdict(self.unclicked),
            "noc": {name: None if at is None else at.noc for name, at in figures},
            "nof_published": {name: None if at is None else at.nof_published for name, at in figures},
            "nof_never_reached": {name: None if at is None else at.nof_never_reached for name, at in figures},
            "mean_iou": None if self.mean_iou is None else list(self.mean_iou),
            "auc": self.auc,
            "errors": sum(self.errors_by_reason.values()),
            "clicks_per_second": self.clicks_per_second,
            "models": [asdict(model) for model in self.models],
            "set_aside": [asdict(shard) for shard in self.set_aside],
            "notes": [asdict(note) for note in self.notes],
        }


def unfinished(num_shards: int, num_expected: int) -> str | None:
    """`unfinished: 2 of 4 shards`; None for a run that has all its shards, or does not say how many there are."""
    if num_shards == num_expected:
        return None
    return f"unfinished: {num_shards:,} of {num_expected:,} shards"


def build_report(run_url: str, storage: Storage) -> Report:
    """Compute the figures of the run at `run_url` from its committed parts.

    Raises:
        RunDirectoryError: there is no run, it is none that clicks, or a part is not the one that was committed.
        MetricsError: an object's clicks are not 0, 1, 2, ... once each.
        StorageError: something cannot be read.

    """
    run = RunDirectory(run_url, storage)
    protocol = ClickProtocol.of(run)
    committed, set_aside = committed_and_set_aside(run)
    records = committed.values()
    tables = _clicked_objects(run, records)
    num_objects, ious = len(tables.model_ids), tables.ious()
    num_clicks = sum(record.parts[CLICKS.name].rows for record in records)
    seconds = busy_seconds(records)
    curve = mean_iou_curve(ious, protocol.max_clicks) if ious.num_objects else None
    return Report(
        run_url=run_url,
        num_shards=len(records),
        num_expected=read_record(LabelRecord, run_url, storage).dataset.num_shards,
        objects=num_objects,
        objects_with_truth=ious.num_objects,
        clicks=num_clicks,
        max_clicks=protocol.max_clicks,
        target_iou=protocol.target_iou,
        at_threshold={name: _figures(ious, threshold, protocol) for name, threshold in THRESHOLDS.items()},
        mean_iou=None if curve is None else tuple(curve.tolist()),
        auc=None if curve is None else auc(curve),
        errors_by_reason=_errors_by_reason(run, records),
        clicks_per_second=num_clicks / seconds if seconds else None,
        models=_by_model(run, tables, protocol),
        set_aside=set_aside,
        unclicked=sum((record.unclicked for record in records), NONE_UNCLICKED),
        notes=_notes(records, tables.repeated),
    )


def _notes(records: Collection[CommitRecord], repeated: Collection[RepeatedKey]) -> tuple[NoteCount, ...]:
    tally = NoteTally()
    for key in repeated:
        tally.add(ShardNote(_REPEATED, str(key)))
    for record in records:
        tally.add_all(record.notes)
    return tally.counts()


def busy_seconds(records: Collection[CommitRecord]) -> float:
    """Return for how many seconds at least one of these shards was being worked on."""
    spans = sorted(
        (record.finished - timedelta(seconds=record.seconds), record.finished) for record in records
    )
    busy = timedelta()
    until = None
    for begun, finished in spans:
        if until is None or finished > until:
            busy += finished - (begun if until is None else max(begun, until))
            until = finished
    return busy.total_seconds()


@dataclass(frozen=True)
class _ClickedObjects:
    """The click table by object. `object_idx`, `click_idx`, `iou`: (num_clicks,); `model_ids`: of each object.

    `repeated`: keys that samples of several shards share; their objects are apart here.
    """

    object_idx: np.ndarray[Any, np.dtype[np.int64]]
    click_idx: np.ndarray[Any, np.dtype[Any]]
    iou: np.ndarray[Any, np.dtype[Any]]
    model_ids: np.ndarray[Any, np.dtype[np.object_]]
    repeated: tuple[RepeatedKey, ...]

    def ious(self, of_objects: np.ndarray[Any, np.dtype[np.bool_]] | None = None) -> ClickIous:
        """The IoUs of the objects with truth, or of some of them."""
        of = slice(None) if of_objects is None else of_objects[self.object_idx]
        return ClickIous.from_columns(self.object_idx[of], self.click_idx[of], self.iou[of])


def _clicked_objects(run: RunDirectory, records: Collection[CommitRecord]) -> _ClickedObjects:
    object_indices, click_indices, ious, model_ids, keys = [], [], [], [], []
    num_objects = 0
    columns = ("sample_key", "object_id", "click_idx", "iou", "model_id")
    for record, part in zip(records, run.read_parts(CLICKS, records, columns), strict=True):
        # all clicks of an object are in one part
        object_idx = _object_indices(part)
        of_object = np.full(int(object_idx.max(initial=-1)) + 1, "", object)
        of_object[object_idx] = part["model_id"].to_numpy(zero_copy_only=False)
        object_indices.append(object_idx + num_objects)
        click_indices.append(part["click_idx"].to_numpy())
        ious.append(part["iou"].to_numpy())
        model_ids.append(of_object)
        keys.append((record.shard, pc.unique(part["sample_key"])))
        num_objects += len(of_object)
    return _ClickedObjects(
        np.concatenate([*object_indices, np.zeros(0, np.int64)]),
        np.concatenate([*click_indices, np.zeros(0, np.int32)]),
        np.concatenate([*ious, np.zeros(0)]),
        np.concatenate([*model_ids, np.zeros(0, object)]),
        tuple(repeated_keys(keys)),
    )


def _by_model(
    run: RunDirectory, objects: _ClickedObjects, protocol: ClickProtocol
) -> tuple[ModelFigures, ...]:
    steps = {model.model_id: model.step for model in taken_models(run.storage, run.url)}
    figures = [
        _model_figures(model_id, steps.get(model_id), objects, protocol)
        for model_id in sorted(set(objects.model_ids))
    ]
    return tuple(sorted(figures, key=lambda model: -1 if model.step is None else model.step))


def _model_figures(
    model_id: str, step: int | None, objects: _ClickedObjects, protocol: ClickProtocol
) -> ModelFigures:
    is_its = objects.model_ids == model_id
    ious = objects.ious(is_its)
    at = _figures(ious, THRESHOLDS["90"], protocol)
    return ModelFigures(
        model_id=model_id,
        step=step,
        objects=int(np.count_nonzero(is_its)),
        clicks=int(np.count_nonzero(is_its[objects.object_idx])),
        mean_iou=float(_last_ious(ious).mean()) if ious.num_objects else None,
        noc90=None if at is None else at.noc,
    )


def _last_ious(ious: ClickIous) -> np.ndarray[Any, np.dtype[Any]]:
    """(num_objects,): after the last click on each."""
    last: np.ndarray[Any, np.dtype[Any]] = ious.iou[np.append(ious.first[1:], len(ious.iou)) - 1]
    return last


def _object_indices(clicks: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return (num_rows,) int64: the objects of a table, numbered from 0."""
    samples = clicks["sample_key"].combine_chunks().dictionary_encode()
    objects = clicks["object_id"].combine_chunks().dictionary_encode()
    codes = samples.indices.to_numpy().astype(np.int64) * len(objects.dictionary) + objects.indices.to_numpy()
    return np.unique(codes, return_inverse=True)[1]


def _figures(ious: ClickIous, threshold: float, protocol: ClickProtocol) -> ThresholdFigures | None:
    if not protocol.defines_noc(ious, threshold):
        return None
    return ThresholdFigures(
        noc=float(noc(ious, threshold, protocol.max_clicks).mean()),
        nof_published=nof_published(ious, threshold, protocol.max_clicks),
        nof_never_reached=nof_never_reached(ious, threshold, protocol.max_clicks),
    )


def _errors_by_reason(run: RunDirectory, records: Collection[CommitRecord]) -> dict[str, int]:
    """Return the number of error rows by reason, the most frequent first."""
    reasons: Counter[str] = Counter()
    for part in run.read_parts(ERRORS, records, ("reason",)):
        reasons.update(part["reason"].to_pylist())
    return dict(reasons.most_common())
