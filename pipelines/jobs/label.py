"""The labelling job: every object of a data set is clicked by a model, masks and figures land in a run directory.

`mfp evaluate` is the same job with other defaults.
"""

from __future__ import annotations

import time
from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from actors.errors import TooManyErrorsError
from actors.labelling.error_limit import ErrorLimit
from actors.labelling.gathered_rows import LabelCounts
from actors.labelling.job import LabelJob
from actors.labelling.model_feed import FixedModel, FollowedModels, ModelFeed
from actors.labelling.shard_labeller import ShardSummary
from actors.specs.checked import checked
from actors.specs.label import LabelSpec
from actors.stop_request import check_stop, closed_in_order
from infra.published_models import PublishedModel
from infra.runs.commit import NONE_UNCLICKED, CommitOutcome, CommitRecord, Unclicked
from infra.runs.commit_guard import CommitGuard, guarded
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import SetAsideShard, committed_and_set_aside, delete_outdated, note_set_aside
from infra.shards.manifest import ShardEntry
from infra.storage.files import Storage
from infra.taken_models import add_taken
from mfp.engine_settings import BackendName
from pipelines.errors import OptionError
from pipelines.inputs.backend_choice import ChosenBackend, choose_backend, recorded_backend, run_by
from pipelines.inputs.label_inputs import LabelInputs, check_model, find_inputs, label_record, num_expected
from pipelines.inputs.masks_there import no_masks
from pipelines.inputs.published_source import keep_model
from pipelines.inputs.quarantined import in_words
from pipelines.inputs.run_record import request_of
from pipelines.jobs.shard_plan import EVERY_SHARD, ShardPlan
from pipelines.jobs.unknown_samples import unknown_samples
from pipelines.jobs.workers_that_fit import FittingWorkers, workers_that_fit
from pipelines.progress_report import OnProgress, ProgressReport

if TYPE_CHECKING:
    from actors.labelling.worker_pool import PoolEvent, WorkerPool

_NOTHING = LabelCounts()


@dataclass(frozen=True)
class RunSummary:
    """A finished run.

    `objects`, `clicks` and `errors` count all rows of the run, also those of earlier runs into its directory, which
    did `skipped_shards` of the `shards`. `lost_shards` were committed by another run while this one was at them.
    `seconds` is the wall time of this run. `unknown_samples` are the keys in the click log that no sample of the data
    set has, `unclicked` is what of the data set the log has no click on. `set_aside` are the shards that could not be
    done: the run is not complete without them. `fitting_batch_size` is the batch size that a GPU's memory held, None
    if it held the one that was asked for. `left` are the shards that were left out, because the others were enough.
    """

    objects: int
    clicks: int
    errors: int
    seconds: float
    shards: int
    skipped_shards: int
    lost_shards: int = 0
    unknown_samples: tuple[str, ...] = ()
    unclicked: Unclicked = NONE_UNCLICKED
    set_aside: tuple[SetAsideShard, ...] = ()
    fitting_batch_size: int | None = None
    left: int = 0


def run_label(
    spec: LabelSpec, on_progress: OnProgress | None = None, plan: ShardPlan = EVERY_SHARD
) -> RunSummary:
    """Label a data set into a run directory, going on where an earlier run into it ended.

    `plan` says in which order shards are done, and when they are enough.

    Raises:
        PipelineError, ActorsError, InfraError, MfpError: one line that says what a person can do. What is committed
            stays: the same command goes on from there.

    """
    started = time.monotonic()
    spec = checked(LabelSpec, spec).resolved()
    storage = Storage(spec.storage)
    inputs = find_inputs(spec, storage)
    shards = plan.ordered(label_record(spec, inputs), inputs.dataset.shards)
    inputs = replace(inputs, dataset=replace(inputs.dataset, shards=shards))
    with closed_in_order(), guarded(RunDirectory(spec.out, storage)) as guard:
        check_stop()  # taking a lease takes seconds
        return _run_guarded(spec, inputs, guard, plan, on_progress, started)


def _run_guarded(
    spec: LabelSpec,
    inputs: LabelInputs,
    guard: CommitGuard,
    plan: ShardPlan,
    on_progress: OnProgress | None,
    started: float,
) -> RunSummary:
    run = guard.run
    run.check(request_of(label_record(spec, inputs)))
    committed, before = committed_and_set_aside(run)
    labelling = _Labelling(spec, inputs, guard, plan, _counts_of(committed.values()), on_progress)
    for notice in (*inputs.notices, str(guard)):
        labelling.report(notice=notice)
    labelling.check()
    missing = [shard for shard in inputs.dataset.shards if shard.name not in committed]
    if plan.goes_on(run, committed.values(), before) and missing:
        # if the model or the workers do not fit, nothing was written yet: the next options may be others
        with (
            _checked_beside(spec, inputs) as checked,
            workers_that_fit(spec.workers, spec.network.device) as workers,
        ):
            checked.result()
            chosen = _chosen_backend(run, spec, inputs, workers)
            if chosen.notice:
                labelling.report(notice=chosen.notice)
            begun, models = _begin(run, spec, chosen.name, inputs)
            labelling.run_shards(begun, missing, workers, models)
    else:
        _begin(run, spec, _backend_without_work(run, spec), inputs)
    committed_now, set_aside = committed_and_set_aside(run)
    delete_outdated(run.storage, run.url, committed_now)
    labelling.done = _counts_of(committed_now.values())  # another run may have done what this one set aside
    left = len(inputs.dataset.shards) - len(committed_now) - len(set_aside)
    labelling.check(is_complete=True, has_all=not set_aside and not left)
    guard.check()
    plan.ended(run, committed_now)
    run.delete_orphans()
    inputs.kept.put_into(run)
    # of a part nobody can say which samples the click log knows without reason
    is_part = spec.part.count > 1 or set_aside or left
    unknown = () if is_part else unknown_samples(inputs, run)
    done = labelling.done
    labelling.report(is_complete=True)
    return RunSummary(
        objects=done.objects,
        clicks=done.clicks,
        errors=done.quarantined,
        seconds=time.monotonic() - started,
        shards=len(inputs.dataset.shards),
        skipped_shards=len(inputs.dataset.shards) - len(missing),
        lost_shards=labelling.num_lost,
        unknown_samples=unknown,
        unclicked=done.unclicked,
        set_aside=set_aside,
        fitting_batch_size=labelling.fitting_batch_size,
        left=left,
    )


@contextmanager
def _checked_beside(spec: LabelSpec, inputs: LabelInputs) -> Iterator[Future[None]]:
    """The model is built and checked on a thread: each waits for what takes seconds to start, it and Ray."""
    with ThreadPoolExecutor(1, "model") as thread:
        yield thread.submit(check_model, spec, inputs.model)


def _chosen_backend(
    run: RunDirectory, spec: LabelSpec, inputs: LabelInputs, workers: FittingWorkers
) -> ChosenBackend:
    recorded = recorded_backend(run.url, run.storage)
    return choose_backend(spec.network, inputs.model, workers.resources, run.url, recorded)


def _backend_without_work(run: RunDirectory, spec: LabelSpec) -> BackendName:
    if spec.network.backend != "auto":
        return spec.network.backend
    return recorded_backend(run.url, run.storage) or "torch"


def _begin(
    run: RunDirectory, asked: LabelSpec, backend: BackendName, inputs: LabelInputs
) -> tuple[LabelSpec, ModelFeed]:
    """Begin the run, or go on with it; the specification and the models that it is done by."""
    spec = run_by(asked, backend)
    is_auto = asked.network.backend == "auto"
    run.open(request_of(label_record(spec, inputs), keeps_backend=is_auto))
    if not spec.follows:
        keep_model(run, inputs.model)
    # another run may have begun it in the meantime, with what it chose
    begun = run_by(spec, recorded_backend(run.url, run.storage) or backend)
    return begun, _models(begun, inputs, run)


class _Labelling:
    """A run under way: what is done of it, and who wants to know."""

    def __init__(
        self,
        spec: LabelSpec,
        inputs: LabelInputs,
        guard: CommitGuard,
        plan: ShardPlan,
        done: LabelCounts,
        on_progress: OnProgress | None,
    ) -> None:
        self._spec = spec
        self._inputs = inputs
        self._guard = guard
        self._plan = plan
        self._run = guard.run
        self._on_progress = on_progress
        # a click log does not say which of its objects lie in a part
        is_open = spec.part.count > 1 and not inputs.given.takes_every_mask
        self._num_expected = None if is_open else num_expected(inputs)
        self._limit = ErrorLimit(spec.limits.max_errors, self._num_expected)
        self.done = done
        self.num_lost = 0
        self.fitting_batch_size: int | None = None

    def run_shards(
        self, spec: LabelSpec, shards: list[ShardEntry], workers: FittingWorkers, models: ModelFeed
    ) -> None:
        """Have workers do the shards that are not committed yet, by the specification that run.json holds."""
        from actors.labelling.worker_pool import WorkerPool  # see `workers_that_fit`

        job = LabelJob(spec, self._inputs.dataset.url, self._guard.driver_commits, self._inputs.quality)
        pool = WorkerPool(job, workers.size, workers.resources, models=models, given=self._inputs.given)
        with pool:
            for event in pool.run(shards):
                self._guard.check()
                for shard in event.set_aside:
                    note_set_aside(self._run.storage, self._run.url, shard)
                committed = [] if event.finished is None else [self._take(event.finished, pool)]
                if committed:
                    self.check()
                if not self._plan.goes_on(self._run, committed, event.set_aside):
                    pool.hand_out_no_more()
                self.report(event.under_way, self._note(event))

    def _take(self, finished: ShardSummary, pool: WorkerPool) -> CommitRecord:
        """Commit a shard where that is the driver's part, and count what is in the run of it, whoever committed it."""
        asked = self._spec.network.batch_size
        if asked != "auto" and finished.batch_size < (self.fitting_batch_size or asked):
            self.fitting_batch_size = finished.batch_size
        outcome = finished.outcome
        if outcome is CommitOutcome.PENDING:
            outcome = self._guard.commit(finished.record)
        if outcome is CommitOutcome.COMMITTED:
            self.done += finished.counts
            return finished.record
        record = self._run.record_of(finished.shard)
        self.done += _counts_of([record])
        if pool.has_handed_out(record.attempt):
            return record  # by an earlier attempt, whose worker was given up too early
        self.num_lost += 1
        if self.num_lost == 1:
            self.report(
                notice=f"another run into this directory is at work: shard {finished.shard} was committed by it; one "
                "of both is enough, and no row is there twice"
            )
        return record

    def _note(self, event: PoolEvent) -> str:
        if not event.num_ready:
            return "workers start"
        if self.fitting_batch_size is not None:
            return f"out of GPU memory, batches of {self.fitting_batch_size} now"
        return ""

    def check(self, *, is_complete: bool = False, has_all: bool = True) -> None:
        """Raise if it makes no sense to go on. `has_all` False: shards were set aside."""
        if self._limit.is_exceeded(self.done, is_complete=is_complete):
            raise TooManyErrorsError(self._too_many_errors())
        if is_complete and has_all and self._inputs.given.takes_every_mask and self.done == _NOTHING:
            raise OptionError(no_masks(self._inputs.dataset, self._run.storage))

    def report(
        self,
        under_way: LabelCounts = _NOTHING,
        note: str = "",
        *,
        notice: str = "",
        is_complete: bool = False,
    ) -> None:
        """Tell how far the run is."""
        if self._on_progress is None:
            return
        now = self.done + under_way
        total = now.objects if is_complete else None
        if total is None and self._num_expected is not None:
            total = max(self._num_expected - now.quarantined, now.objects)
        self._on_progress(ProgressReport(now.objects, total, now.clicks, now.quarantined, note, notice))

    def _too_many_errors(self) -> str:
        errors = self._run.read_errors(["reason", "sample_key"])
        named = in_words(zip(errors["reason"].to_pylist(), errors["sample_key"].to_pylist(), strict=True))
        return (
            f"{self.done.quarantined} of {self.done.objects + self.done.quarantined} samples and objects so far "
            f"were quarantined ({named}), more than --max-errors {self._spec.limits.max_errors:g} allows: see the "
            f"table errors in {self._run.url}; mend the data set, or run again with a larger --max-errors"
        )


def _models(spec: LabelSpec, inputs: LabelInputs, run: RunDirectory) -> ModelFeed:
    """The models of a run; one that follows notes in its directory which it takes."""
    training_run, first = spec.model.training_run, inputs.published
    if not spec.follows or training_run is None or first is None:
        return FixedModel(inputs.model)

    def note(taken: PublishedModel) -> None:
        add_taken(run.storage, run.url, taken)

    note(first)
    return FollowedModels(
        run.storage,
        training_run,
        first,
        inputs.model.weights,
        if_better=spec.follow_if_better,
        on_taken=note,
    )


def _counts_of(records: Iterable[CommitRecord]) -> LabelCounts:
    per_shard = (
        LabelCounts(
            record.objects, record.parts["clicks"].rows, record.parts["errors"].rows, record.unclicked
        )
        for record in records
    )
    return sum(per_shard, _NOTHING)
