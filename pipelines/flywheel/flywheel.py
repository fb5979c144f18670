"""`mfp flywheel`: label, select, train on what was selected, and label on with the better model.

Every training run starts from the last model of the one before. Each stage can be interrupted and goes on by the same
command: labelling by its commits, training by its checkpoints.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from typing import Literal, TypeAlias

from actors.ray_session import ray_session
from actors.training.start import check_start
from infra.published_models import newest, publish
from infra.runs.run_config import FLYWHEEL_FILE, create_or_compare
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import load_manifest
from infra.storage.files import Storage
from mfp.model_file import model_from_bytes
from pipelines.errors import IncompleteRunError, OptionError
from pipelines.flywheel.config import FLYWHEEL_VOLATILE, flywheel_config
from pipelines.flywheel.directory import FlywheelDirectory
from pipelines.flywheel.room import check_room
from pipelines.flywheel.selection import Selection, SelectionCounts
from pipelines.flywheel.training_beside import TrainingBeside
from pipelines.inputs.click_log_check import check_click_log
from pipelines.inputs.earlier_versions import BEFORE_FLYWHEEL
from pipelines.inputs.held_out import image_hashes, refuse_shared_shards
from pipelines.inputs.label_inputs import absolute, find_click_log
from pipelines.inputs.model_source import find_model, trainable_name
from pipelines.inputs.training_inputs import check_shared_out, find_training_inputs
from pipelines.inputs.training_recipe import chosen_recipe
from pipelines.label import run_label
from pipelines.options import (
    EVALUATION_TARGET_IOU,
    TRAINING_RUN_PREFIX,
    FlywheelOptions,
    Follow,
    LabelOptions,
    TrainOptions,
)
from pipelines.progress import OnProgress, ProgressReport, shown_progress
from pipelines.report import ModelFigures, Report, build_report

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


def run_flywheel(options: FlywheelOptions, show: Show = shown_progress) -> FlywheelResult:
    """Turn the wheel, going on where an earlier run into `options.out` ended.

    Raises:
        PipelineError, ActorsError, InfraError, MfpError: one line that says what a person can do.

    """
    return _Flywheel(options, show).run()


class _Flywheel:
    """A flywheel under way."""

    def __init__(self, options: FlywheelOptions, show: Show) -> None:
        self._options = options
        self._show = show
        self._storage = Storage(options.storage)
        self._directory = FlywheelDirectory(absolute(options.out))
        self._unlabelled = load_manifest(self._storage, absolute(options.unlabelled))
        self._evaluation = load_manifest(self._storage, absolute(options.evaluation))
        self._train_on = [load_manifest(self._storage, absolute(url)) for url in options.train_on]
        self._model = find_model(options.model, self._storage)
        self._check()
        click_log = find_click_log(options.clicks, self._unlabelled, self._storage)
        if click_log is not None:
            check_click_log(
                click_log, self._unlabelled, self._storage
            )  # what it has to tell is told with each round
        self._config = flywheel_config(
            options, self._unlabelled, self._evaluation, self._train_on, self._model.model_id, click_log
        )

    def run(self) -> FlywheelResult:
        """All stages, in order."""
        with ray_session(self._options.ray_address) as cluster:
            told = check_room(self._options, cluster)
            if told:
                with self._show("flywheel", "stages") as on_progress:
                    on_progress(ProgressReport(0, notice=told))
            start_url = self._begin()
            before = self._evaluate("before", start_url)
            held_out = image_hashes(self._evaluation, self._storage)
            model_url, selected = start_url, list[str]()
            rounds = []
            for number in range(1, self._options.rounds + 1):
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
        if self._options.rounds > num_shards:
            raise OptionError(
                f"--rounds {self._options.rounds}: {self._unlabelled.url} has {num_shards} shards, and every round "
                "labels at least one: ask for fewer rounds, or shard with a smaller --samples-per-shard"
            )
        self._check_training()

    def _check_training(self) -> None:
        """What the first training run would refuse, said before hours of evaluation."""
        options = self._train_options(self._directory.training(1), self._directory.start_model, [])
        recipe, most = chosen_recipe(options), options.workers.maximum
        check_shared_out(recipe.batch_size, (most,))
        assert self._model.data is not None, "what can be trained has weights"
        check_start(self._options.model, model_from_bytes(self._model.data).config, recipe, most)
        find_training_inputs(options, recipe, self._storage)

    def _begin(self) -> str:
        """Write down what was asked for, and the model to begin with; its URL."""
        create_or_compare(
            self._storage,
            self._directory.url,
            self._config,
            FLYWHEEL_VOLATILE,
            FLYWHEEL_FILE,
            BEFORE_FLYWHEEL,
        )
        url = self._directory.start_model
        assert self._model.data is not None, "checked before"
        if not self._storage.exists(url):
            self._storage.write_bytes(url, self._model.data)
        return url

    def _evaluate(self, when: Literal["before", "after"], model_url: str) -> Report:
        options = replace(
            self._label_options(absolute(self._options.evaluation), self._directory.evaluation(when)),
            model=model_url,
            max_clicks=20,
            target_iou=EVALUATION_TARGET_IOU,
        )
        with self._show(f"evaluate {when}", "objects") as on_progress:
            _label_whole(options, on_progress)
        return build_report(options.out, self._storage)

    def _round(
        self, number: int, start_url: str, selected: list[str], held_out: frozenset[bytes]
    ) -> tuple[str, Round]:
        """Train and label side by side, then select; the URL of the last model, and what was done."""
        training_url = self._directory.training(number)
        self._publish_start(training_url, start_url)
        training = TrainingBeside(self._train_options(training_url, start_url, selected))
        labels = replace(
            self._label_options(absolute(self._options.unlabelled), self._directory.labels(number)),
            model=f"{TRAINING_RUN_PREFIX}{training_url}",
            follow=Follow(),
            part=(number - 1, self._options.rounds),
            clicks=self._options.clicks,
            max_clicks=self._options.max_clicks,
            replay=self._options.replay,
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
            model = find_model(start_url, self._storage)
            assert model.data is not None, "a file has bytes"
            publish(self._storage, training_url, 0, model.data, model.model_id, {})

    def _select(self, number: int, run: RunDirectory, held_out: frozenset[bytes]) -> SelectionCounts:
        url = self._directory.selection(number)
        if self._storage.exists(url):
            return SelectionCounts(**json.loads(self._storage.read_bytes(url)))
        part = replace(self._unlabelled, shards=self._unlabelled.shards[number - 1 :: self._options.rounds])
        selection = Selection(part, run, self._options.thresholds, held_out)
        counts = selection.write(
            self._directory.selected(number),
            self._storage,
            {_LINEAGE_OF_EVALUATION: self._evaluation.fingerprint},
        )
        self._storage.write_bytes(url, json.dumps(asdict(counts), indent=1).encode())
        return counts

    def _closing(self, start_url: str, selected: list[str]) -> str:
        """Train once more, on all that was selected; the URL of the last model."""
        training = TrainingBeside(self._train_options(self._directory.closing, start_url, selected))
        training.start()
        with self._show("closing: train", "steps") as on_progress:
            return training.wait(on_progress).model_url

    def _label_options(self, dataset: str, out: str) -> LabelOptions:
        options = self._options
        return LabelOptions(
            dataset,
            out,
            options.model,
            workers=options.label_workers,
            device=options.device,
            flip=options.flip,
            zoom_size=options.zoom_size,
            seed=options.seed,
            ray_address=options.ray_address,
            storage=options.storage,
        )

    def _train_options(self, out: str, start_url: str, selected: list[str]) -> TrainOptions:
        options = self._options
        return TrainOptions(
            datasets=(*(absolute(url) for url in options.train_on), *selected),
            out=out,
            init=start_url,
            model=trainable_name(self._model),
            recipe=options.recipe,
            steps=options.train_steps,
            checkpoint_every=options.checkpoint_every,
            crop_size=options.crop_size,
            batch_size=options.batch_size,
            rate=options.rate,
            frozen_statistics=options.frozen_statistics,
            num_loader_workers=options.num_loader_workers,
            workers=options.train_workers,
            device=options.device,
            seed=options.seed,
            ray_address=options.ray_address,
            storage=options.storage,
        )


def _label_whole(options: LabelOptions, on_progress: OnProgress) -> None:
    """Label; IncompleteRunError if shards were set aside: figures before and after would be of other objects."""
    summary = run_label(options, on_progress)
    if summary.set_aside:
        raise IncompleteRunError(
            f"{len(summary.set_aside)} of {summary.shards} shards of {options.dataset} could not be labelled "
            f"({summary.set_aside[0]}): mend the cause and run the same command again"
        )
