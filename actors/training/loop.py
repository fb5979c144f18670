"""The training loop of one worker, from top to bottom. No Ray here: it runs in any process group, or alone."""

from __future__ import annotations

import copy
import math
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager
from typing import Any, TypeAlias

import numpy as np
import torch
from torch import Tensor, nn

from actors.training.directory import TrainDirectory, TrainedStep
from actors.training.group import TrainGroup
from actors.training.job import TrainJob
from actors.training.loader import Share, training_batches
from actors.training.precision import choose_precision
from actors.training.record import TrainRecord
from actors.training.start import StartFile, start_network
from actors.training.validation import Validator
from infra.storage.files import Storage
from mfp.errors import TrainingError
from mfp.network import ModulatedNetwork
from mfp.tf32 import allow_tf32
from mfp.training.averaging import WeightAverage
from mfp.training.checkpoint import TrainingState, restore_checkpoint, take_checkpoint
from mfp.training.optimizer import build_optimizer, set_rate
from mfp.training.sample_order import numbers_of_worker
from mfp.training.step import (
    GradientPass,
    Rounds,
    SampleMap,
    StepFigures,
    StepSettings,
    TrainingBatch,
    accumulate_gradients,
    draw_rounds,
)

Report: TypeAlias = Callable[[Mapping[str, float]], None]
OnStep: TypeAlias = Callable[[TrainedStep], None]

_DROPOUT, _ROUNDS, _CLICKS = 1, 2, 3  # what a draw is for: part of its key


def train(job: TrainJob, group: TrainGroup, report: Report, on_step: OnStep = lambda _: None) -> None:
    """Train until the recipe's last step, going on from the newest checkpoint.

    Every worker of the group calls it. `report` is called by all of them at the same steps, `on_step` after every step.

    Raises:
        InfraError, MfpError: settings, data or weights that cannot be used, or a run that another driver has taken
            over, in one line.
    """
    recipe, storage = job.recipe, Storage(job.storage, endpoint_is_known=True)
    if group.device.type == "cuda":
        allow_tf32(False)  # a recipe that says fp32 means it
    directory = TrainDirectory(job.run_url, storage, job.spec.checkpoints.keep)

    torch.manual_seed(job.spec.seed)  # the fresh layers' weights
    network, config = start_network(
        recipe, None if job.init is None else StartFile(job.init, storage.read_bytes(job.init))
    )
    network.to(group.device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    record = TrainRecord(job, config, directory, is_writer=group.rank == 0)
    done = int(group.sums([record.begin()])[0])  # the first worker's: the others say 0
    driver = "" if job.driver is None else job.driver.name
    recipe = choose_precision(recipe, network, group, storage, job.run_url, driver).in_recipe(recipe)
    job = job.with_recipe(recipe)
    state = TrainingState(
        network,
        WeightAverage(network, recipe.average),
        build_optimizer(network, recipe),
        torch.amp.GradScaler(group.device.type, enabled=recipe.precision == "fp16"),
    )
    _resume(directory, state, done)
    validator = None if job.validation is None else Validator(job.validation, group, storage)
    evaluated = copy.deepcopy(network)  # holds the averaged weights while they are evaluated
    if job.spec.compile:
        network.compile()
    gradient_pass = group.joined(GradientPass(network))
    schedule = recipe.schedule_of_rate()
    batches = training_batches(job, Share(group.rank, group.size, done), group.device)
    sample_map = _sample_map(job, group.device)

    for step in range(done, recipe.steps):
        started = time.monotonic()
        batch = next(batches)
        waited = time.monotonic() - started

        rounds = rounds_of(job, step)
        set_rate(state.optimizer, schedule.factor(step))
        state.optimizer.zero_grad(set_to_none=True)
        parts = _gradients(job, group, step, batch, rounds, network, gradient_pass, state.scaler, sample_map)
        state.scaler.unscale_(state.optimizer)
        norm = nn.utils.clip_grad_norm_(network.parameters(), recipe.clip or math.inf)
        state.scaler.step(state.optimizer)
        state.scaler.update()
        group.average_buffers(network)
        state.average.update(network)

        loss, iou, num_samples = group.sums(
            [
                sum(values)
                for values in zip(*((part.loss, part.iou, part.num_samples) for part in parts), strict=True)
            ]
        )
        trained = TrainedStep(
            step=step + 1,
            loss=loss / num_samples,
            iou=iou / num_samples,
            num_rounds=rounds.num_rounds,
            rate_factor=schedule.factor(step),
            gradient_norm=float(norm),
            num_workers=group.size,
            seconds=time.monotonic() - started,
            data_seconds=waited,
        )
        if not math.isfinite(trained.loss):
            raise TrainingError(
                f"the loss is {trained.loss} at step {step + 1}: give a lower --rate, or --precision fp32"
            )
        record.step(trained)
        on_step(trained)

        is_last = step + 1 == recipe.steps
        figures: Mapping[str, float] = {}
        if validator is not None and (is_last or (step + 1) % validator.every == 0):
            evaluated.load_state_dict(state.average.tensors)
            figures = validator.figures(evaluated)
        if figures or is_last or (step + 1) % job.spec.checkpoints.checkpoint_every == 0:
            record.checkpoint(take_checkpoint(step + 1, state), figures)
            report({"step": step + 1, "loss": trained.loss, "iou": trained.iou, **figures})


def rounds_of(job: TrainJob, step: int) -> Rounds:
    """The rounds of a step, counted from 0: the same in every worker."""
    return draw_rounds(np.random.default_rng((job.spec.seed, _ROUNDS, step)), recursive=job.recipe.recursive)


def _gradients(
    job: TrainJob,
    group: TrainGroup,
    step: int,
    batch: TrainingBatch,
    rounds: Rounds,
    network: ModulatedNetwork,
    gradient_pass: nn.Module,
    scaler: torch.amp.GradScaler,
    sample_map: SampleMap = map,
) -> list[StepFigures]:
    """Forward and backward over this worker's share of a step, in as many parts as the recipe says.

    Gradients end up as those of the whole batch's mean loss: they are averaged over the workers, so a worker's sum
    is divided by batch_size / size, whatever its own share is.
    """
    recipe = job.recipe
    numbers = numbers_of_worker(step, recipe.batch_size, group.rank, group.size)
    rngs = [np.random.default_rng((job.spec.seed, _CLICKS, number)) for number in numbers]
    torch.manual_seed(_torch_seed(job.spec.seed, step, group.rank))
    num_parts = min(recipe.accumulate, len(rngs))

    def backward(loss: Tensor) -> None:
        scaler.scale(loss * (group.size / recipe.batch_size)).backward()  # type: ignore[no-untyped-call]

    def exchanging_in(part: int) -> Callable[[bool], AbstractContextManager[Any]]:
        return lambda is_last: group.exchanging(gradient_pass, now=is_last and part == num_parts - 1)

    return [
        accumulate_gradients(
            gradient_pass,
            network,
            batch.part(part, num_parts),
            rounds,
            rngs[part::num_parts],
            StepSettings.of(recipe),
            backward,
            exchanging_in(part),
            sample_map,
        )
        for part in range(num_parts)
    ]


def _sample_map(job: TrainJob, device: torch.device) -> SampleMap:
    """What clicks the samples of a batch: threads where a GPU waits for it meanwhile.

    On a CPU the cores are no idler then: OpenCV has taken them for the one sample.
    """
    if device.type == "cpu" or job.num_threads == 1:
        return map
    return ThreadPoolExecutor(job.num_threads, "clicks").map


def _torch_seed(seed: int, step: int, rank: int) -> int:
    """Of dropout."""
    return int(np.random.default_rng((seed, _DROPOUT, step, rank)).integers(2**31))


def _resume(directory: TrainDirectory, state: TrainingState, done: int) -> None:
    """Put the checkpoint of step `done` in place."""
    if done == 0:
        return
    url, checkpoint = directory.checkpoint_at(done)
    try:
        restore_checkpoint(checkpoint, state)
    except TrainingError as error:
        raise TrainingError(f"{url}: {error}") from None
