"""The Ray actor that labels shards: one process, one network, up to two shards at a time.

It needs no watch over its driver. Its life hangs on the driver's: Ray ends it where the driver is gone, and with a
local Ray or a lost node everything dies together. In the moment until then a worker can finish a commit at most, which
is of its shard's true rows and made once, or, where the driver commits, write parts that nobody names.
"""

from __future__ import annotations

import logging
import os
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import cv2
import torch

from actors.click_models.model_ref import ModelRef
from actors.errors import DeviceError
from actors.labelling.device_errors import named_device_errors
from actors.labelling.gathered_rows import LabelCounts
from actors.labelling.given import Given
from actors.labelling.hand_out import Assignment
from actors.labelling.job import LabelJob, build_labeller
from actors.labelling.shard_labeller import ShardLabeller, ShardSummary
from mfp.engine import Engine

if TYPE_CHECKING:
    import ray

logger = logging.getLogger(__name__)

_ROUNDING = 1e-6  # three times a third of a CPU is one CPU


@dataclass(frozen=True)
class WorkerResources:
    """What one worker reserves in the cluster; fractions are allowed. `num_gpus` 0 means it works on CPUs."""

    num_cpus: float = 1.0
    num_gpus: float = 0.0

    @property
    def num_threads(self) -> int:
        """Threads of torch and OpenCV: as many as the worker has whole cores, so that workers do not fight for them."""
        return max(1, int(self.num_cpus))

    @property
    def device(self) -> str:
        """The torch device of a worker's network; Ray shows every worker its own GPU as the first."""
        return "cuda" if self.num_gpus > 0 else "cpu"

    def num_fitting(self, num_cpus: float, num_gpus: float) -> int:
        """How many such workers that many CPUs and GPUs can hold."""
        by_cpu = num_cpus / self.num_cpus
        by_gpu = num_gpus / self.num_gpus if self.num_gpus else by_cpu
        return int(min(by_cpu, by_gpu) + _ROUNDING)

    def __str__(self) -> str:
        gpus = f" and {self.num_gpus:g} GPU" if self.num_gpus else ""
        return f"{self.num_cpus:g} CPU{gpus}"


@dataclass(frozen=True)
class WorkerInfo:
    """Where a worker runs."""

    pid: int
    host: str
    device: str
    num_threads: int


@dataclass(frozen=True)
class Stored:
    """A model in Ray's object store; inside this value Ray leaves it there until a worker asks for it."""

    identity: str
    ref: ray.ObjectRef[Any]  # of a ModelRef


def store(model: ModelRef) -> Stored:
    """Put a model where every node can get it, once."""
    import ray

    return Stored(model.identity, ray.put(model))


class LabelWorker:
    """The actor's class. Its constructor does nothing that can fail: errors of `start` reach the driver as they are."""

    def __init__(self, job: LabelJob, resources: WorkerResources) -> None:
        self._job = job
        self._resources = resources
        self._starting = threading.Lock()
        self._labeller: ShardLabeller | None = None
        self._loading = threading.Lock()
        self._engine: Engine | None = None  # over the model that was asked for last
        self._is_broken = False

    def start(self, model: Stored, given: Given) -> WorkerInfo:
        """Load the model once and say where. Ray restarts a lost worker empty, so it has to be called again then.

        Raises:
            GpuMemoryError, DeviceError: the GPU cannot hold the model, or does not work.

        """
        with self._starting, self._device("for the model"):
            if self._labeller is None:
                _limit_threads(self._resources.num_threads)
                _limit_gpu_memory(self._resources.num_gpus)
                self._loaded(model)
                self._labeller = build_labeller(self._job, given)
        return WorkerInfo(
            os.getpid(), socket.gethostname(), self._resources.device, self._resources.num_threads
        )

    def label(self, assignment: Assignment, model: Stored) -> ShardSummary:
        """See ShardLabeller.label.

        Raises:
            DeviceError: the GPU has failed. Whatever ran next in this process would fail as well: the next call ends
                it, and Ray puts a new one in its place.
            GpuMemoryError: an object does not fit the GPU's memory.

        """
        with self._device(f"in shard {assignment.shard.name}"):
            assert self._labeller is not None, "label() before start()"
            return self._labeller.label(assignment, self._loaded(model))

    def counts(self) -> dict[str, LabelCounts]:
        """See ShardLabeller.counts."""
        return {} if self._labeller is None else self._labeller.counts()

    @contextmanager
    def _device(self, where: str) -> Iterator[None]:
        if self._is_broken:
            os._exit(1)  # an orderly end would call into the GPU's driver
        try:
            with named_device_errors(where):
                yield
        except DeviceError:
            logger.exception("nothing runs in this process any more")
            self._is_broken = True
            raise

    def _loaded(self, model: Stored) -> Engine:
        """An engine over a model, the present one if it is of that. Shards under way hold theirs while they need it."""
        with self._loading:
            if self._engine is None or self._engine.identity != model.identity:
                import ray

                self._engine = self._job.load(ray.get(model.ref), self._resources.device)
            return self._engine


def _limit_threads(num_threads: int) -> None:
    torch.set_num_threads(num_threads)
    cv2.setNumThreads(num_threads)


def _limit_gpu_memory(num_gpus: float) -> None:
    """Ray's fractions of a GPU do not limit its memory; without this one worker could take that of its neighbour."""
    if 0 < num_gpus < 1:
        torch.cuda.set_per_process_memory_fraction(num_gpus)
