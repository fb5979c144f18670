"""The figures of a run: NoC, both NoF, mean IoU and AuC from its click table, and what else its commits say.

A report reads what is committed and nothing else, so it can be made while the run goes on.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass

import numpy as np
import pyarrow.compute as pc

from actors.specs.reading import BenchmarkChoice
from infra.json_text import JsonValue
from infra.runs.commit import NONE_UNCLICKED, CommitRecord, Unclicked
from infra.runs.repeated_keys import RepeatedKey
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard
from infra.runs.tables import CLICKS, ERRORS
from infra.runs.time_spent import NO_TIME, TimeSpent
from infra.shards.shard_note import NoteCount, NoteTally, ShardNote
from infra.storage.files import Storage
from infra.strict_json import to_json
from infra.taken_models import taken_models
from pipelines.jobs.benchmarks import Benchmark, benchmark_of
from pipelines.jobs.busy_time import busy_seconds
from pipelines.jobs.click_protocol import ClickProtocol
from pipelines.jobs.clicked_run import ClickedRun
from pipelines.jobs.decided import Decided, read_decided, unfinished
from pipelines.jobs.drawn_figures import DrawnNoc, read_draws
from pipelines.jobs.quality_by_clicks import QualityAfterClicks, quality_by_clicks
from pipelines.jobs.run_objects import RunObjects
from pipelines.jobs.start_figures import StartFigures, figures_at, figures_by_start
from pipelines.jobs.thresholds import THRESHOLDS
from pipelines.jobs.time_shares import TimeShares

_REPEATED = (
    "sample keys that several shards have: each sample was clicked, but neither mfp compare nor a click log can tell "
    "them apart"
)


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

    `by_start` has the figures of objects with truth for each kind of start: NoC from a mask is never mixed with NoC
    from nothing. It is empty if there is no truth. `protocol` says how the run was clicked.

    `clicks_per_second` is `clicks` over the wall time during which at least one shard that was then committed
    was being worked on: shards of several workers that overlap in time count once, pauses between two runs into
    the directory do not count, the start of the workers and lost attempts neither. None before the first commit.
    `spent` is what the threads of all workers spent on the committed shards.

    `clamped_clicks` were aimed outside their image, `disobeyed_clicks` left their pixel on the other side.
    `mean_divergence` is the mean 1 - IoU with the annotators' own last masks, None without any.

    `draws` has NoC over drawn clicks, None if the run was not evaluated with any.

    `models`: every model that clicked an object, in the order of their training steps. `set_aside`: shards that could
    not be done; nothing of them is in the figures.

    `num_shards` are committed of `num_expected`; `decided` says why the others were left out, None if nothing does.
    `quality` says how far it can be trusted; with `is_calibrated_here` it was fitted on the run's own data set, so
    that on other images it is worse.
    `unclicked` is what the click log or start leaves out. `notes`: what in the shards was left out or taken for
    something, beside the errors. `benchmark` has published figures that compare with those of the run, None if there
    are none.
    """

    run_url: str
    num_shards: int
    num_expected: int
    objects: int
    objects_with_truth: int
    clicks: int
    protocol: ClickProtocol
    by_start: tuple[StartFigures, ...]
    errors_by_reason: Mapping[str, int]
    clicks_per_second: float | None
    clamped_clicks: int = 0
    disobeyed_clicks: int = 0
    mean_divergence: float | None = None
    draws: DrawnNoc | None = None
    models: tuple[ModelFigures, ...] = ()
    set_aside: tuple[SetAsideShard, ...] = ()
    unclicked: Unclicked = NONE_UNCLICKED
    notes: tuple[NoteCount, ...] = ()
    decided: Decided | None = None
    benchmark: Benchmark | None = None
    spent: TimeSpent = NO_TIME
    quality: tuple[QualityAfterClicks, ...] = ()
    is_calibrated_here: bool = False

    @property
    def unfinished(self) -> str | None:
        """What is missing of the run, in words; None if nothing is."""
        return unfinished(self.num_shards, self.num_expected, self.decided)

    @property
    def figures(self) -> StartFigures | None:
        """Those of all objects with truth; None if there is none, or if they started from different kinds of start."""
        return self.by_start[0] if len(self.by_start) == 1 else None

    def to_json(self) -> dict[str, JsonValue]:
        """Return the figures for programs, as `mfp report --json` prints them; what is not defined is None."""
        undefined = dict.fromkeys(THRESHOLDS)
        one = None if self.figures is None else self.figures.to_json()
        return {
            "finished": self.unfinished is None,
            "shards": self.num_shards,
            "shards_expected": self.num_expected,
            "decided": None if self.decided is None else to_json(self.decided),
            "user": self.protocol.user,
            "start": self.protocol.start.source,
            "changes": self.protocol.start.changes,
            "objects": self.objects,
            "clicks": self.clicks,
            "unclicked": asdict(self.unclicked),
            "noc": undefined if one is None else one["noc"],
            "nof_published": undefined if one is None else one["nof_published"],
            "nof_never_reached": undefined if one is None else one["nof_never_reached"],
            "mean_iou": None if one is None else one["mean_iou"],
            "auc": None if one is None else one["auc"],
            "mean_boundary_iou": None if one is None else one["mean_boundary_iou"],
            "benchmark": None if self.benchmark is None else self.benchmark.to_json(),
            "by_start": [figures.to_json() for figures in self.by_start],
            "clamped_clicks": self.clamped_clicks,
            "disobeyed_clicks": self.disobeyed_clicks,
            "mean_divergence": self.mean_divergence,
            "robustness": None if self.draws is None else self.draws.to_json(),
            "errors": sum(self.errors_by_reason.values()),
            "clicks_per_second": self.clicks_per_second,
            "quality": [after.to_json() for after in self.quality],
            "quality_calibrated_here": self.is_calibrated_here,
            "time_spent": TimeShares.of(self.spent).to_json(),
            "models": [asdict(model) for model in self.models],
            "set_aside": [asdict(shard) for shard in self.set_aside],
            "notes": [asdict(note) for note in self.notes],
        }


def build_report(run_url: str, storage: Storage) -> Report:
    """Compute the figures of the run at `run_url` from its committed parts.

    Raises:
        RunDirectoryError: there is no run, it is none that clicks, or a part is not the one that was committed.
        MetricsError: an object's clicks are not 0, 1, 2, ... once each.
        StorageError: something cannot be read.

    """
    return report_of(ClickedRun.read(run_url, storage))


def report_of(clicked: ClickedRun, benchmark: BenchmarkChoice = "auto") -> Report:
    """The figures of a run that was read, beside those that are published for its objects.

    Raises as `build_report` does, and OptionError if it is not of the benchmark that is named.
    """
    run, objects, records = clicked.run, clicked.objects, clicked.commits
    num_clicks = sum(record.parts[CLICKS.name].rows for record in records)
    seconds = busy_seconds(records)
    return Report(
        run_url=run.url,
        num_shards=len(records),
        num_expected=clicked.record.dataset.num_shards,
        objects=objects.objects.num_rows,
        objects_with_truth=int(np.count_nonzero(objects.has_truth)),
        clicks=num_clicks,
        protocol=clicked.protocol,
        by_start=tuple(figures_by_start(objects, clicked.protocol)),
        errors_by_reason=_errors_by_reason(run, records),
        clicks_per_second=num_clicks / seconds if seconds else None,
        clamped_clicks=objects.num_clamped,
        disobeyed_clicks=objects.num_disobeyed,
        mean_divergence=pc.mean(objects.objects["divergence"]).as_py(),
        draws=read_draws(run.url, run.storage),
        models=_by_model(run, objects, clicked.protocol),
        set_aside=clicked.set_aside,
        unclicked=sum((record.unclicked for record in records), NONE_UNCLICKED),
        notes=_notes(records, objects.repeated),
        decided=read_decided(run.url, run.storage),
        benchmark=benchmark_of(clicked, benchmark),
        spent=TimeSpent.total([record.spent for record in records]),
        quality=tuple(quality_by_clicks(objects)),
        is_calibrated_here=clicked.record.dataset.fingerprint in clicked.record.calibrated_on,
    )


def _notes(records: Collection[CommitRecord], repeated: Collection[RepeatedKey]) -> tuple[NoteCount, ...]:
    tally = NoteTally()
    for key in repeated:
        tally.add(ShardNote(_REPEATED, str(key)))
    for record in records:
        tally.add_all(record.notes)
    return tally.counts()


def _by_model(run: RunDirectory, objects: RunObjects, protocol: ClickProtocol) -> tuple[ModelFigures, ...]:
    steps = {model.model_id: model.step for model in taken_models(run.storage, run.url)}
    figures = [
        _model_figures(model_id, steps.get(model_id), objects, protocol)
        for model_id in sorted(set(objects.column("model_id")))
    ]
    return tuple(sorted(figures, key=lambda model: -1 if model.step is None else model.step))


def _model_figures(
    model_id: str, step: int | None, objects: RunObjects, protocol: ClickProtocol
) -> ModelFigures:
    is_its = objects.column("model_id") == model_id
    known = is_its & objects.has_truth
    ious = objects.ious(known)
    is_of_one_start = len(set(objects.column("start")[known])) == 1
    at = figures_at(ious, objects.column("stop_reason")[known], THRESHOLDS["90"], protocol)
    return ModelFigures(
        model_id=model_id,
        step=step,
        objects=int(np.count_nonzero(is_its)),
        clicks=int(objects.column("num_clicks")[is_its].sum()),
        mean_iou=float(ious.last.mean()) if ious.num_objects else None,
        noc90=at.noc if at is not None and is_of_one_start else None,
    )


def _errors_by_reason(run: RunDirectory, records: Collection[CommitRecord]) -> dict[str, int]:
    """Return the number of error rows by reason, the most frequent first."""
    reasons: Counter[str] = Counter()
    for part in run.read_parts(ERRORS, records, ("reason",)):
        reasons.update(part["reason"].to_pylist())
    return dict(reasons.most_common())
