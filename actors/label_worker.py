"""The Ray actor that labels shards: one process, one network, up to two shards at a time."""

from __future__ import annotations

import logging
import os
import socket
import threading
from dataclasses import dataclass

import cv2
import torch

from actors.errors import GpuMemoryError
from actors.gathered_rows import LabelCounts
from actors.hand_out import Assignment
from actors.label_job import LabelJob, build_labeller
from actors.shard_labeller import ShardLabeller, ShardSummary
from infra.click_log import ClickLog

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


class LabelWorker:
    """The actor's class. Its constructor does nothing that can fail: errors of `start` reach the driver as they are."""

    def __init__(self, job: LabelJob, resources: WorkerResources) -> None:
        self._job = job
        self._resources = resources
        self._starting = threading.Lock()
        self._labeller: ShardLabeller | None = None

    def start(self, model: bytes | None, click_log: ClickLog | None) -> WorkerInfo:
        """Load the model once and say where. Ray restarts a lost worker empty, so it has to be called again then."""
        with self._starting:
            if self._labeller is None:
                _limit_threads(self._resources.num_threads)
                _limit_gpu_memory(self._resources.num_gpus)
                self._labeller = build_labeller(self._job, self._resources.device, model, click_log)
        return WorkerInfo(
            os.getpid(), socket.gethostname(), self._resources.device, self._resources.num_threads
        )

    def label(self, assignment: Assignment) -> ShardSummary:
        """See ShardLabeller.label. A broken GPU ends the process: whatever is called later would fail in it too."""
        assert self._labeller is not None, "label() before start()"
        try:
            return self._labeller.label(assignment)
        except torch.OutOfMemoryError:
            raise GpuMemoryError(
                f"the GPU ran out of memory in shard {assignment.shard.name} with --batch-size "
                f"{self._job.engine.batch_size}: give a smaller one, or fewer workers per GPU"
            ) from None
        except torch.AcceleratorError:
            logger.exception("GPU error in shard %s; the worker leaves", assignment.shard.name)
            os._exit(1)

    def counts(self) -> dict[str, LabelCounts]:
        """See ShardLabeller.counts."""
        return {} if self._labeller is None else self._labeller.counts()


def _limit_threads(num_threads: int) -> None:
    torch.set_num_threads(num_threads)
    cv2.setNumThreads(num_threads)


def _limit_gpu_memory(num_gpus: float) -> None:
    """Ray's fractions of a GPU do not limit its memory; without this one worker could take that of its neighbour."""
    if 0 < num_gpus < 1:
        torch.cuda.set_per_process_memory_fraction(num_gpus)
