"""The worker of a training run as Ray Train starts it, and what the run does when one fails."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import cv2
import ray.train
import ray.train.torch
import torch
from ray.exceptions import RayActorError
from ray.train import Checkpoint, UserCallback
from ray.train.v2._internal.exceptions import RayTrainError

from actors.errors import ActorsError, ClusterError
from actors.training.group import TrainGroup
from actors.training.job import TrainJob
from actors.training.loop import train
from infra.errors import InfraError, StorageError
from infra.storage.storage_errors import is_unusable
from mfp.errors import MfpError

MAX_FRUITLESS_STARTS = 3
# what gloo raises is a plain RuntimeError that begins with the place in its sources; NCCL and the store have types.
# "enforce fail" is a call that does not match the other worker's: a defect
_LOST_PEER = re.compile(r"\[(?!enforce fail)[^\]]*/gloo/transport/")
_MISUSE = re.compile(
    r"ncclInvalid(Usage|Argument)"
)  # such as two workers on one GPU: it would only fail again


def train_worker(config: dict[str, Any]) -> None:
    """The function that Ray Train runs in every worker; `config` holds a TrainJob under "job"."""
    job: TrainJob = config["job"]
    torch.set_num_threads(job.num_threads)
    cv2.setNumThreads(job.num_threads)
    context = ray.train.get_context()
    group = TrainGroup(context.get_world_rank(), context.get_world_size(), ray.train.torch.get_device())

    def report(figures: Mapping[str, float]) -> None:
        # Checkpoints are in the run directory, on any storage and with a rule of their own for which are kept.
        ray.train.report(dict(figures))

    train(job, group, report)


class FailureRule(UserCallback):
    """Decides which failures end a run. Ray Train starts all workers again after any other.

    Input that cannot be used, a storage that takes nothing (a full disk) and defects of the program would only fail
    again. A worker that died (killed, out of memory, its node is gone) or a storage that did not answer may not; but a
    run that fails again and again without getting from one checkpoint to the next is ended too.
    """

    def __init__(self) -> None:
        self._num_fruitless = 0

    def after_report(
        self, run_context: Any, metrics: list[dict[str, Any]], checkpoint: Checkpoint | None
    ) -> None:
        """A checkpoint was reached."""
        self._num_fruitless = 0

    def after_exception(self, run_context: Any, worker_exceptions: dict[int, Exception]) -> None:
        """Raise what ends the run: Ray Train then hands it to the driver."""
        errors = list(worker_exceptions.values())
        for error in errors:
            is_known = isinstance(error, InfraError | MfpError | ActorsError)
            if is_unusable(error) or (is_known and not isinstance(error, StorageError)):
                raise error
        defects = [error for error in errors if not is_passing(error)]
        # beside a defect the others meet its echo; beside a worker that died, whatever they meet may be its echo
        if defects and not any(isinstance(error, RayActorError | RayTrainError) for error in errors):
            raise defects[0]
        self._num_fruitless += 1
        if self._num_fruitless >= MAX_FRUITLESS_STARTS:
            known = [error for error in errors if isinstance(error, StorageError)]
            raise (
                known[0]
                if known
                else ClusterError(
                    f"training failed {self._num_fruitless} times without reaching a checkpoint, the last time with: "
                    f"{_first_line(errors[0])}; look for what kills its workers (memory?), or give a smaller "
                    "--checkpoint-every"
                )
            )


def is_passing(error: BaseException) -> bool:
    """Whether a failure may not come again: a lost worker, its echo in the others, or a storage.

    What a worker raised comes as it was; errors of Ray Train's own say that it does not answer.
    """
    if isinstance(error, RayActorError | RayTrainError | StorageError):
        return True
    if isinstance(error, torch.distributed.DistError):
        return _MISUSE.search(str(error)) is None
    return type(error) is RuntimeError and _LOST_PEER.match(str(error)) is not None


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
