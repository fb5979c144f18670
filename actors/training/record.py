"""What the first worker of a training run writes down: figures, checkpoints, models."""

from __future__ import annotations

import time
from collections.abc import Mapping

import torch

from actors.training.directory import TrainDirectory, TrainedStep
from actors.training.job import TrainJob
from actors.training.tensorboard import write_events
from infra.errors import RunDirectoryError
from infra.published_models import publish
from infra.training_driver import check_driver, take_over
from infra.training_progress import TrainingProgress, write_progress
from mfp.model_file import model_id_of, model_to_bytes
from mfp.models.registry import NetworkConfig
from mfp.training.checkpoint import Checkpoint

_SECONDS_BETWEEN_PROGRESS = 5.0
_SMOOTHED_STEPS = 20


class TrainRecord:
    """Gathers the steps between two checkpoints; the other workers' records write nothing."""

    def __init__(
        self, job: TrainJob, config: NetworkConfig, directory: TrainDirectory, *, is_writer: bool
    ) -> None:
        self._job = job
        self._config = config
        self._directory = directory
        self._is_writer = is_writer
        self._rows: list[TrainedStep] = []
        self._recent: list[TrainedStep] = []
        self._noc90: float | None = None
        self._progress_at = 0.0

    def begin(self) -> int:
        """Take the run over, and drop the figures of what is about to be done again; the step to go on from.

        In this order: until then another driver may still be at work. RunDirectoryError if one has come since.
        """
        if not self._is_writer:
            return 0
        if self._job.driver is not None:
            take_over(self._directory.storage, self._directory.url, self._job.driver)
        done = self._directory.step_to_go_on_from(self._job.recipe.steps)
        self._directory.forget_after(done)
        return done

    def step(self, trained: TrainedStep) -> None:
        """Take the figures of a step."""
        if not self._is_writer:
            return
        self._rows.append(trained)
        self._recent = [*self._recent[-_SMOOTHED_STEPS + 1 :], trained]
        if time.monotonic() - self._progress_at >= _SECONDS_BETWEEN_PROGRESS:
            self._check_driver()
            self._write_progress()

    def checkpoint(self, checkpoint: Checkpoint, figures: Mapping[str, float]) -> None:
        """Store log, model and checkpoint, in this order: what a checkpoint has seen is there when it is.

        A driver that has taken the run over meanwhile has dropped that log, so the checkpoint goes again.
        """
        if not self._is_writer:
            return
        self._check_driver()
        self._directory.write_log(self._rows)
        write_events(self._directory.storage, self._directory.url, self._rows, figures)
        self._rows = []
        if figures:
            self._noc90 = figures["noc90"]
            self._directory.write_validation(checkpoint.step, figures)
            assert self._job.validation is not None, "figures are those of a validation"
            self._directory.note_best(checkpoint.step, figures, self._job.validation.name)
        self._publish(checkpoint, figures)
        self._directory.write_checkpoint(checkpoint)
        try:
            self._check_driver()
        except RunDirectoryError:
            self._directory.drop_checkpoint(checkpoint.step)
            raise
        self._write_progress()

    def _check_driver(self) -> None:
        """What a run writes that was taken over would get between the other's files."""
        if self._job.driver is not None:
            check_driver(self._directory.storage, self._directory.url, self._job.driver)

    def _publish(self, checkpoint: Checkpoint, figures: Mapping[str, float]) -> None:
        recipe = self._job.recipe
        facts = {
            "steps": checkpoint.step,
            "batch_size": recipe.batch_size,
            "crop_size": list(recipe.crop_size),
            **figures,
        }
        data = model_to_bytes(self._config, checkpoint.average, facts, torch.float16)
        directory = self._directory
        publish(directory.storage, directory.url, checkpoint.step, data, model_id_of(data), figures)

    def _write_progress(self) -> None:
        if not self._recent:
            return
        self._progress_at = time.monotonic()
        number = len(self._recent)
        progress = TrainingProgress(
            step=self._recent[-1].step,
            num_steps=self._job.recipe.steps,
            loss=sum(row.loss for row in self._recent) / number,
            iou=sum(row.iou for row in self._recent) / number,
            steps_per_second=number / sum(row.seconds for row in self._recent),
            noc90=self._noc90,
        )
        write_progress(self._directory.storage, self._directory.url, progress)
