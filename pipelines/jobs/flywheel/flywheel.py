"""`mfp flywheel`: label, select, train on what was selected, and label on with the better model.

Every training run starts from the last model of the one before. Each stage can be interrupted and goes on by the same
command: labelling by its commits, training by its checkpoints.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from actors.ray_session import Cluster, ray_session
from actors.specs.checked import checked
from actors.specs.clicks import Clicks
from actors.specs.flywheel import FlywheelSpec
from actors.specs.label import LabelSpec, Part
from actors.specs.model import TRAINING_RUN_PREFIX, ModelChoice
from actors.specs.start import Start
from actors.specs.train import Checkpoints, TrainSpec
from actors.training.start import check_start
from infra.published_models import newest, publish
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import load_manifest
from infra.storage.files import Storage
from infra.strict_json import from_bytes, to_bytes
from mfp.engine_settings import BackendName
from mfp.model_file import model_from_bytes
from pipelines.errors import IncompleteRunError, OptionError
from pipelines.inputs.backend_choice import choose_backend, recorded_backend, run_by
from pipelines.inputs.given_inputs import check_given, find_given, given_content
from pipelines.inputs.held_out import image_hashes, refuse_shared_shards
from pipelines.inputs.model_source import find_model, refuse_plug_ins, trainable_name
from pipelines.inputs.run_record import FlywheelRecord, now, request_of, versions
from pipelines.inputs.training_inputs import check_shared_out, find_training_inputs
from pipelines.jobs.flywheel.directory import FlywheelDirectory
from pipelines.jobs.flywheel.room import check_room
from pipelines.jobs.flywheel.selection import Selection, SelectionCounts
from pipelines.jobs.flywheel.training_beside import TrainingBeside
from pipelines.jobs.label import run_label
from pipelines.jobs.report import ModelFigures, Report, build_report
from pipelines.jobs.workers_that_fit import uses_gpu
from pipelines.progress_report import OnProgress, ProgressReport

_LINEAGE_OF_EVALUATION = "held_out"

Show: TypeAlias = Callable[[str, str], AbstractContextManager[OnProgress]]
"""Opens a display of one stage, given its title and what it counts."""


@dataclass(frozen=True)
class Round:
    """What a round has labelled and selected, by which models."""

    number: int  # from 1
    models: tuple[ModelFigures, ...]
    counts: SelectionCounts


@dataclass(frozen=True)
class FlywheelResult:
    """The evaluation before and after, the rounds between, and where the last model lies."""

    before: Report
    after: Report
    rounds: tuple[Round, ...]
    model_url: str


@contextmanager
def silent(title: str, what: str) -> Iterator[OnProgress]:
    """A display of a stage that shows nothing."""
    yield lambda report: None


def run_flywheel(spec: FlywheelSpec, show: Show = silent) -> FlywheelResult:
    """Turn the wheel, going on where an earlier run into `spec.out` ended.

    Raises:
        PipelineError, ActorsError, InfraError, MfpError: one line that says what a person can do.

    """
    return _Flywheel(checked(FlywheelSpec, spec).resolved(), show).run()


class _Flywheel:
    """A flywheel under way."""

    def __init__(self, spec: FlywheelSpec, show: Show) -> None:
        self._spec = spec
        self._show = show
        self._storage = Storage(spec.storage)
        self._directory = FlywheelDirectory(spec.out)
        self._unlabelled = load_manifest(self._storage, spec.unlabelled)
        self._evaluation = load_manifest(self._storage, spec.evaluation)
        self._train_on = [load_manifest(self._storage, url) for url in spec.train_on]
        refuse_plug_ins(spec.model)
        self._model = find_model(spec.model, self._storage)
        self._network = trainable_name(self._model)
        self._check()
        given = find_given(spec.clicks, spec.log, Start(), self._unlabelled, self._storage)
        check_given(given, self._unlabelled, self._storage)  # what it has to tell is told with each round
        self._record = FlywheelRecord(
            spec=replace(spec, model=spec.model.without_trust),
            unlabelled=self._unlabelled.fingerprint,
            train_on=tuple(dataset.fingerprint for dataset in self._train_on),
            evaluation=self._evaluation.fingerprint,
            model_id=self._model.identity,
            given=given_content(given),
            versions=versions(),
            created=now(),
        )

    def run(self) -> FlywheelResult:
        """All stages, in order."""
        with ray_session(self._spec.workers.ray_address) as cluster:
            told = check_room(self._spec, cluster)
            if told:
                with self._show("flywheel", "stages") as on_progress:
                    on_progress(ProgressReport(0, notice=told))
            start_url = self._begin(self._backend(cluster))
            before = self._evaluate("before", start_url)
            held_out = image_hashes(self._evaluation, self._storage)
            model_url, selected = start_url, list[str]()
            rounds = []
            for number in range(1, self._spec.rounds + 1):
                model_url, done = self._round(number, model_url, selected, held_out)
                rounds.append(done)
                if done.counts.selected:
                    selected.append(self._directory.selected(number))
            model_url = self._closing(model_url, selected)
            after = self._evaluate("after", model_url)
        return FlywheelResult(before, after, tuple(rounds), model_url)

    def _check(self) -> None:
        others = {"UNLABELLED": self._unlabelled} | {
            f"--train-on #{number}": dataset for number, dataset in enumerate(self._train_on, 1)
        }
        refuse_shared_shards(self._evaluation, others)
        num_shards = len(self._unlabelled.shards)
        if self._spec.rounds > num_shards:
            raise OptionError(
                f"--rounds {self._spec.rounds}: {self._unlabelled.url} has {num_shards} shards, and every round "
                "labels at least one: ask for fewer rounds, or shard with a smaller --samples-per-shard"
            )
        self._check_training()

    def _check_training(self) -> None:
        """What the first training run would refuse, said before hours of evaluation."""
        spec = self._train_spec(self._directory.training(1), self._directory.start_model, [])
        most = spec.workers.maximum
        check_shared_out(spec.recipe.batch_size, (most,))
        config = model_from_bytes(self._model.weights).config
        check_start(self._spec.model.name, config, spec.recipe, most)
        find_training_inputs(spec, self._storage)

    def _backend(self, cluster: Cluster) -> BackendName:
        """What runs the network in every stage that labels or evaluates: its figures are compared."""
        from actors.labelling.worker import WorkerResources  # see `workers_that_fit`

        spec, url = self._spec, self._directory.url
        num_gpus = spec.workers.gpus_per_worker if uses_gpu(spec.network.device, cluster) else 0.0
        workers = WorkerResources(spec.workers.cpus_per_worker, num_gpus)
        recorded = recorded_backend(url, self._storage, FlywheelRecord)
        return choose_backend(spec.network, self._model, workers, url, recorded).name

    def _begin(self, backend: BackendName) -> str:
        """Write down what was asked for, and the model to begin with; its URL."""
        record = replace(self._record, spec=run_by(self._record.spec, backend))
        is_open = self._spec.network.backend == "auto"
        request_of(record, keeps_backend=is_open).begin(self._storage, self._directory.url)
        recorded = recorded_backend(self._directory.url, self._storage, FlywheelRecord)
        self._spec = run_by(self._spec, recorded or backend)
        url = self._directory.start_model
        if not self._storage.exists(url):
            self._storage.write_bytes(url, self._model.weights)
        return url

    def _evaluate(self, when: Literal["before", "after"], model_url: str) -> Report:
        spec = replace(
            self._label_spec(self._spec.evaluation, self._directory.evaluation(when), model_url),
            clicks=Clicks(),
        )
        with self._show(f"evaluate {when}", "objects") as on_progress:
            _label_whole(spec, on_progress)
        return build_report(spec.out, self._storage)

    def _round(
        self, number: int, start_url: str, selected: list[str], held_out: frozenset[bytes]
    ) -> tuple[str, Round]:
        """Train and label side by side, then select; the URL of the last model, and what was done."""
        training_url = self._directory.training(number)
        self._publish_start(training_url, start_url)
        training = TrainingBeside(self._train_spec(training_url, start_url, selected))
        labels = replace(
            self._label_spec(
                self._spec.unlabelled, self._directory.labels(number), f"{TRAINING_RUN_PREFIX}{training_url}"
            ),
            follow=True,
            part=Part(number - 1, self._spec.rounds),
        )
        training.start()
        with self._show(f"round {number}: label", "objects") as on_progress:

            def on_labelled(report: ProgressReport) -> None:
                training.check()
                on_progress(
                    replace(report, note=training.note, notice=report.notice or training.next_notice())
                )

            _label_whole(labels, on_labelled)
        counts = self._select(number, RunDirectory(labels.out, self._storage), held_out)
        with self._show(f"round {number}: train", "steps") as on_progress:
            result = training.wait(on_progress)
        return result.model_url, Round(number, build_report(labels.out, self._storage).models, counts)

    def _publish_start(self, training_url: str, start_url: str) -> None:
        """So that labelling can begin at once: it follows on to what the training run publishes."""
        if newest(self._storage, training_url) is None:
            model = find_model(ModelChoice(start_url), self._storage)
            publish(self._storage, training_url, 0, model.weights, model.identity, {})

    def _select(self, number: int, run: RunDirectory, held_out: frozenset[bytes]) -> SelectionCounts:
        url = self._directory.selection(number)
        if self._storage.exists(url):
            return from_bytes(SelectionCounts, self._storage.read_bytes(url))
        part = replace(self._unlabelled, shards=self._unlabelled.shards[number - 1 :: self._spec.rounds])
        selection = Selection(part, run, self._spec.selection, held_out)
        counts = selection.write(
            self._directory.selected(number),
            self._storage,
            {_LINEAGE_OF_EVALUATION: self._evaluation.fingerprint},
        )
        self._storage.write_bytes(url, to_bytes(counts))
        return counts

    def _closing(self, start_url: str, selected: list[str]) -> str:
        """Train once more, on all that was selected; the URL of the last model."""
        training = TrainingBeside(self._train_spec(self._directory.closing, start_url, selected))
        training.start()
        with self._show("closing: train", "steps") as on_progress:
            return training.wait(on_progress).model_url

    def _label_spec(self, dataset: str, out: str, model: str) -> LabelSpec:
        spec = self._spec
        return LabelSpec(
            dataset=dataset,
            out=out,
            model=replace(spec.model, name=model),
            clicks=spec.clicks,
            log=spec.log,
            workers=spec.workers.labelling,
            network=spec.network,
            seed=spec.seed,
            storage=spec.storage,
        )

    def _train_spec(self, out: str, start_url: str, selected: list[str]) -> TrainSpec:
        spec = self._spec
        return TrainSpec(
            datasets=(*spec.train_on, *selected),
            out=out,
            init=start_url,
            recipe=replace(
                spec.recipe,
                model=self._network,
                steps=spec.train_steps,
                frozen_statistics=spec.frozen_statistics,
            ),
            checkpoints=Checkpoints(spec.checkpoint_every),
            workers=spec.workers.training,
            device=spec.network.device,
            seed=spec.seed,
            storage=spec.storage,
        )


def _label_whole(spec: LabelSpec, on_progress: OnProgress) -> None:
    """Label; IncompleteRunError if shards were set aside: figures before and after would be of other objects."""
    summary = run_label(spec, on_progress)
    if summary.set_aside:
        raise IncompleteRunError(
            f"{len(summary.set_aside)} of {summary.shards} shards of {spec.dataset} could not be labelled "
            f"({summary.set_aside[0]}): mend the cause and run the same command again"
        )
