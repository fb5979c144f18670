"""The figures of a run: NoC, both NoF, mean IoU and AuC from its click table, and what else its commits say.

A report reads what is committed and nothing else, so it can be made while the run goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import numpy as np
import pyarrow as pa

from infra.commit import CommitRecord
from infra.errors import RunDirectoryError
from infra.run_config import RUN_FILE
from infra.run_directory import RunDirectory
from infra.sample import JsonValue
from infra.storage import Storage
from infra.tables import CLICKS, ERRORS
from mfp.metrics import MAX_CLICKS, ClickIous, auc, mean_iou_curve, noc, nof_never_reached, nof_published

THRESHOLDS: Mapping[str, float] = {"85": 0.85, "90": 0.90, "95": 0.95}


@dataclass(frozen=True)
class ThresholdFigures:
    """What it takes to reach one IoU: mean NoC over the objects, and the number of objects that fail.

    `nof_published` counts NoC = max_clicks, success at the last click included; `nof_never_reached` does not.
    """

    noc: float
    nof_published: int
    nof_never_reached: int


@dataclass(frozen=True)
class Report:
    """Figures of all committed shards of a run.

    `objects` and `clicks` count the click table; the figures are about `objects_with_truth` of them.
    `at_threshold` holds None where NoC is not defined: without truth; above `target_iou`, where simulated
    sessions stopped; and where the logged clicks of an object end below that IoU before `max_clicks`.
    `mean_iou`: entry t is the mean after click t + 1, `max_clicks` of them; a session that has ended carries its
    last IoU forward. `auc` is their trapezoid area over that of a constant 1. Both are None without truth.

    `clicks_per_second` is `clicks` over the wall time during which at least one shard that was then committed
    was being worked on: shards of several workers that overlap in time count once, pauses between two runs into
    the directory do not count, the start of the workers and lost attempts neither. None before the first commit.
    """

    run_url: str
    num_shards: int
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

    def to_json(self) -> dict[str, JsonValue]:
        """Return the figures for programs, as `mfp report --json` prints them; what is not defined is None."""
        figures = self.at_threshold.items()
        return {
            "objects": self.objects,
            "clicks": self.clicks,
            "noc": {name: None if at is None else at.noc for name, at in figures},
            "nof_published": {name: None if at is None else at.nof_published for name, at in figures},
            "nof_never_reached": {name: None if at is None else at.nof_never_reached for name, at in figures},
            "mean_iou": None if self.mean_iou is None else list(self.mean_iou),
            "auc": self.auc,
            "errors": sum(self.errors_by_reason.values()),
            "clicks_per_second": self.clicks_per_second,
        }


def build_report(run_url: str, storage: Storage) -> Report:
    """Compute the figures of the run at `run_url` from its committed parts.

    Raises:
        RunDirectoryError: there is no run, it is none that clicks, or a part is not the one that was committed.
        MetricsError: an object's clicks are not 0, 1, 2, ... once each.
        StorageError: something cannot be read.

    """
    run = RunDirectory(run_url, storage)
    clicked = _clicked(run)
    records = run.committed().values()
    num_objects, ious = _click_ious(run, records)
    num_clicks = sum(record.parts[CLICKS.name].rows for record in records)
    seconds = busy_seconds(records)
    curve = mean_iou_curve(ious, clicked.max_clicks) if ious.num_objects else None
    return Report(
        run_url=run_url,
        num_shards=len(records),
        objects=num_objects,
        objects_with_truth=ious.num_objects,
        clicks=num_clicks,
        max_clicks=clicked.max_clicks,
        target_iou=clicked.target_iou,
        at_threshold={name: _figures(ious, threshold, clicked) for name, threshold in THRESHOLDS.items()},
        mean_iou=None if curve is None else tuple(curve.tolist()),
        auc=None if curve is None else auc(curve),
        errors_by_reason=_errors_by_reason(run, records),
        clicks_per_second=num_clicks / seconds if seconds else None,
    )


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
class _Clicked:
    """How a run was clicked: see `Report`; `target_iou` None where nothing stopped a session early."""

    is_logged: bool
    max_clicks: int
    target_iou: float | None


def _clicked(run: RunDirectory) -> _Clicked:
    clicks = run.config().get("clicks")
    match clicks:
        case {"source": "logged"}:
            # a log is replayed to its end, however long it is; the protocol counts this many
            return _Clicked(is_logged=True, max_clicks=MAX_CLICKS, target_iou=None)
        case {
            "source": "simulated",
            "max_clicks": int(max_clicks),
            "target_iou": None | int() | float() as target,
        }:
            return _Clicked(is_logged=False, max_clicks=max_clicks, target_iou=target)
    raise RunDirectoryError(
        f"{run.url} is no labelling run: `clicks` in its {RUN_FILE} is {clicks!r}; "
        "give what `mfp label` or `mfp evaluate` had as --out"
    )


def _click_ious(run: RunDirectory, records: Collection[CommitRecord]) -> tuple[int, ClickIous]:
    """Return the number of objects that were clicked, and the IoUs of those with truth."""
    num_objects = 0
    columns: list[tuple[np.ndarray[Any, np.dtype[Any]], ...]] = []
    for part in run.read_parts(CLICKS, records, ("sample_key", "object_id", "click_idx", "iou")):
        # all clicks of an object are in one part
        object_idx = _object_indices(part)
        columns.append((object_idx + num_objects, part["click_idx"].to_numpy(), part["iou"].to_numpy()))
        num_objects += int(object_idx.max(initial=-1)) + 1
    if not columns:
        return 0, ClickIous.from_lists([])
    return num_objects, ClickIous.from_columns(
        *(np.concatenate(column) for column in zip(*columns, strict=True))
    )


def _object_indices(clicks: pa.Table) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Return (num_rows,) int64: the objects of a table, numbered from 0."""
    samples = clicks["sample_key"].combine_chunks().dictionary_encode()
    objects = clicks["object_id"].combine_chunks().dictionary_encode()
    codes = samples.indices.to_numpy().astype(np.int64) * len(objects.dictionary) + objects.indices.to_numpy()
    return np.unique(codes, return_inverse=True)[1]


def _figures(ious: ClickIous, threshold: float, clicked: _Clicked) -> ThresholdFigures | None:
    if not _is_defined(ious, threshold, clicked):
        return None
    return ThresholdFigures(
        noc=float(noc(ious, threshold, clicked.max_clicks).mean()),
        nof_published=nof_published(ious, threshold, clicked.max_clicks),
        nof_never_reached=nof_never_reached(ious, threshold, clicked.max_clicks),
    )


def _is_defined(ious: ClickIous, threshold: float, clicked: _Clicked) -> bool:
    """Tell whether NoC is known: no session may have ended below the threshold with clicks left."""
    if ious.num_objects == 0:
        return False
    if not clicked.is_logged:
        return clicked.target_iou is None or threshold <= clicked.target_iou
    num_clicks = np.diff(ious.first, append=len(ious.iou))
    best = np.maximum.reduceat(ious.iou, ious.first)
    return not ((best < threshold) & (num_clicks < clicked.max_clicks)).any()


def _errors_by_reason(run: RunDirectory, records: Collection[CommitRecord]) -> dict[str, int]:
    """Return the number of error rows by reason, the most frequent first."""
    reasons: Counter[str] = Counter()
    for part in run.read_parts(ERRORS, records, ("reason",)):
        reasons.update(part["reason"].to_pylist())
    return dict(reasons.most_common())
