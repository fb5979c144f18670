"""The driver's side of the workers: it creates them, hands shards out, and gives lost shards to others.

Ray places and restarts the workers. All of them are asked for at once, and each begins as soon as the cluster has room
for it, whether that is now, when another job ends, or when an autoscaler that sees the waiting actors has added a node:
so a pool grows from its minimum to its maximum without any doing of ours.

Every hand-out names the model the shard is clicked by: the newest that the feed has at that moment. A shard that is
done again may so be done by a newer model than the first time; all of its rows are then that model's.

Calls are not retried by Ray (`max_task_retries=0`): a second run of one call would share its attempt id with the
first. The pool notices the failed call and hands the shard out under a new attempt.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Iterator
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Literal, Self

import ray
from ray.exceptions import ActorDiedError, RayActorError, RayTaskError

from actors.errors import ActorsError, ClusterError, DeviceError
from actors.labelling.gathered_rows import LabelCounts
from actors.labelling.given import Given
from actors.labelling.hand_out import MAX_SHARDS_IN_FLIGHT, HandOut
from actors.labelling.job import LabelJob
from actors.labelling.model_feed import ModelFeed
from actors.labelling.shard_labeller import ShardSummary
from actors.labelling.worker import LabelWorker, Stored, WorkerInfo, WorkerResources, store
from actors.ray_session import Cluster
from actors.stop_request import check_stop
from infra.errors import InfraError
from infra.runs.set_aside import SetAsideShard
from infra.shards.manifest import ShardEntry
from infra.storage.storage_errors import is_unusable
from mfp.errors import MfpError

logger = logging.getLogger(__name__)

START_SECONDS = 300.0  # a cluster may have to bring up a node first
HANDED_OUT = "shard %s goes to worker %d as attempt %s"
_POLL_SECONDS = 1.0


@dataclass(frozen=True)
class PoolSize:
    """How many workers there may be: it is an error if fewer than `minimum` ever start."""

    minimum: int
    maximum: int

    def that_fits(self, cluster: Cluster, resources: WorkerResources) -> PoolSize:
        """As many of these workers as a local Ray has room for; elsewhere nodes may come and go.

        Raises:
            ClusterError: this machine has no room for the minimum.

        """
        if not cluster.is_local:
            return self
        num_fitting = resources.num_fitting(cluster.num_cpus, cluster.num_gpus)
        if num_fitting < self.minimum:
            raise ClusterError(
                f"{self.minimum} workers of {resources} each do not fit this machine with {cluster.num_cpus:g} CPU and "
                f"{cluster.num_gpus:g} GPU, {num_fitting} do: ask for fewer (--workers) or smaller ones"
            )
        return PoolSize(self.minimum, min(self.maximum, num_fitting))


@dataclass(frozen=True)
class PoolEvent:
    """Something happened, or a second passed.

    `finished` is a shard that was just committed, or whose parts are there for the driver to commit, `set_aside` are
    those that were just given up, `under_way` counts what is done of those that are neither, `num_ready` the workers
    that have loaded the model.
    """

    finished: ShardSummary | None
    set_aside: tuple[SetAsideShard, ...]
    under_way: LabelCounts
    num_ready: int


@dataclass(frozen=True)
class _Call:
    """A call that a worker has not answered yet."""

    kind: Literal["start", "label", "counts"]
    worker_idx: int
    attempt: str = ""


class WorkerPool:
    """Workers on the connected cluster; leaving the block ends them."""

    def __init__(
        self,
        job: LabelJob,
        size: PoolSize,
        resources: WorkerResources,
        *,
        models: ModelFeed,
        given: Given,
        start_seconds: float = START_SECONDS,
    ) -> None:
        """Ray keeps one copy of what is given and of each model per node."""
        self._job = job
        self._models = models
        self._model = store(models.newest())
        self._given = ray.put(given)
        self._size = size
        self._resources = resources
        self._start_seconds = start_seconds
        self._workers: list[Any] = []
        self._is_ready: list[bool] = []
        self._lost: set[int] = set()  # and have not come back
        self._calls: dict[ray.ObjectRef[Any], _Call] = {}
        self._counts: dict[str, LabelCounts] = {}  # by attempt
        self._attempts: set[str] = set()
        self._set_aside: list[SetAsideShard] = []  # since the last event
        self._short_since = time.monotonic()
        self._reached_minimum = False
        self._has_enough = False

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for worker in self._workers:
            ray.kill(worker)

    def has_handed_out(self, attempt: str) -> bool:
        """Whether an attempt is one of this pool's, not of another run's."""
        return attempt in self._attempts

    def hand_out_no_more(self) -> None:
        """End the run when the shards that are with workers are done."""
        self._has_enough = True

    def run(self, shards: list[ShardEntry]) -> Iterator[PoolEvent]:
        """Label the shards and yield what happens; ends when all of them are committed or set aside.

        They are handed out in this order.

        Raises:
            ClusterError: the workers do not start within the time given.
            Stopped: the command was told to stop; it is noticed within a second.
            EveryShardFailsError: one shard after the other fails.
            UnusableStorageError: no shard can be read or written any more.
            ActorsError, InfraError, MfpError: why a worker cannot start.

        """
        self._create_workers(min(self._size.maximum, len(shards)))
        hand_out = HandOut(shards, len(self._workers))
        while not hand_out.is_done:
            check_stop()
            self._check_there_are_workers()
            self._assign(hand_out)
            answered, _ = ray.wait(list(self._calls), num_returns=1, timeout=_POLL_SECONDS)
            finished = None
            for ref in answered:
                finished = self._take(ref, self._calls.pop(ref), hand_out)
            if not answered:
                self._ask_for_counts(hand_out)
            set_aside, self._set_aside = tuple(self._set_aside), []
            under_way = sum(self._counts.values(), LabelCounts())
            yield PoolEvent(finished, set_aside, under_way, sum(self._is_ready))
            if self._has_enough:
                hand_out.stop()

    def _create_workers(self, num_workers: int) -> None:
        actor = ray.remote(LabelWorker).options(
            num_cpus=self._resources.num_cpus,
            num_gpus=self._resources.num_gpus,
            max_restarts=-1,  # bounded all the same: a shard that kills its workers is set aside
            max_task_retries=0,
            max_concurrency=MAX_SHARDS_IN_FLIGHT + 2,  # besides: start, counts
        )
        self._workers = [actor.remote(self._job, self._resources) for _ in range(num_workers)]
        self._is_ready = [False] * num_workers
        for worker_idx in range(num_workers):
            self._start(worker_idx)

    def _start(self, worker_idx: int) -> None:
        self._is_ready[worker_idx] = False
        self._calls[self._workers[worker_idx].start.remote(self._model, self._given)] = _Call(
            "start", worker_idx
        )

    def _check_there_are_workers(self) -> None:
        """After the first start one worker is enough to go on; Ray brings the others back when it can."""
        num_ready = sum(self._is_ready)
        num_needed = 1 if self._reached_minimum else min(self._size.minimum, len(self._workers))
        if num_ready >= num_needed:
            self._reached_minimum = True
            self._short_since = time.monotonic()
        elif time.monotonic() - self._short_since > self._start_seconds:
            raise ClusterError(
                f"{num_ready} of {num_needed} workers started within {self._start_seconds:.0f} s: each needs "
                f"{self._resources}, {_free_resources()}; end other jobs, or ask for fewer or smaller workers"
            )

    def _assign(self, hand_out: HandOut) -> None:
        ready = [worker_idx for worker_idx, is_ready in enumerate(self._is_ready) if is_ready]
        for worker_idx, assignment in hand_out.assign(ready):
            ref = self._workers[worker_idx].label.remote(assignment, self._newest_model())
            self._calls[ref] = _Call("label", worker_idx, assignment.attempt)
            self._attempts.add(assignment.attempt)
            logger.info(HANDED_OUT, assignment.shard.name, worker_idx, assignment.attempt)

    def _newest_model(self) -> Stored:
        model = self._models.newest()
        if model.identity != self._model.identity:
            self._model = store(model)
        return self._model

    def _ask_for_counts(self, hand_out: HandOut) -> None:
        asked = {call.worker_idx for call in self._calls.values() if call.kind == "counts"}
        for worker_idx, worker in enumerate(self._workers):
            if self._is_ready[worker_idx] and hand_out.num_in_flight(worker_idx) and worker_idx not in asked:
                self._calls[worker.counts.remote()] = _Call("counts", worker_idx)

    def _take(self, ref: ray.ObjectRef[Any], call: _Call, hand_out: HandOut) -> ShardSummary | None:
        """Take the answer to a call; the summary of a shard if it brings one."""
        try:
            answer = ray.get(ref)
        except ActorDiedError as error:
            # Ray does not restart it: its environment cannot be set up, or its resources exist nowhere.
            raise ClusterError(f"worker {call.worker_idx} cannot run: {_first_line(error)}") from error
        except RayActorError:
            self._lose(call, hand_out, "its worker died (killed, out of memory, or its node is gone)")
            return None
        except RayTaskError as error:
            self._fail(call, hand_out, error)
            return None
        if isinstance(answer, WorkerInfo):
            self._is_ready[call.worker_idx] = True
            self._lost.discard(call.worker_idx)
            logger.info("worker %d is ready: %s", call.worker_idx, answer)
        elif isinstance(answer, ShardSummary):
            hand_out.finished(call.attempt)
            self._counts.pop(call.attempt, None)
            return answer
        else:
            under_way = hand_out.attempts_of(call.worker_idx)
            self._counts.update((attempt, answer[attempt]) for attempt in under_way if attempt in answer)
        return None

    def _lose(self, call: _Call, hand_out: HandOut, reason: str) -> None:
        """A worker is gone: its shards go back, and it is started again where Ray finds room for it."""
        if call.worker_idx not in self._lost:  # until Ray has it running again every `start` fails
            logger.warning("worker %d is lost: %s", call.worker_idx, reason)
        self._lost.add(call.worker_idx)
        for attempt in hand_out.attempts_of(call.worker_idx):
            self._give_back(attempt, hand_out, reason)
        # Its other calls fail too; only the first one counts.
        self._calls = {
            ref: other for ref, other in self._calls.items() if other.worker_idx != call.worker_idx
        }
        self._start(call.worker_idx)

    def _fail(self, call: _Call, hand_out: HandOut, error: RayTaskError) -> None:
        """A worker raised: what is wrong with it, or with one shard, the others may not meet."""
        cause = error.cause
        if isinstance(cause, DeviceError) and (call.kind == "label" or self._reached_minimum):
            # the process ends itself when it is called again, and `start` is such a call
            self._lose(call, hand_out, str(cause))
        elif call.kind != "label" or is_unusable(cause):
            raise error
        elif isinstance(cause, ActorsError | InfraError | MfpError):
            self._give_back(call.attempt, hand_out, _one_line(cause))
        else:
            logger.warning("%s", error)  # a defect: with the worker's traceback
            self._give_back(call.attempt, hand_out, f"{type(cause).__name__}: {_one_line(cause)}")

    def _give_back(self, attempt: str, hand_out: HandOut, reason: str) -> None:
        self._counts.pop(attempt, None)
        logger.warning("attempt %s failed: %s", attempt, reason)
        set_aside = hand_out.failed(attempt, reason)
        if set_aside is not None:
            self._set_aside.append(set_aside)


def _free_resources() -> str:
    free: dict[str, float] = ray.available_resources()  # type: ignore[no-untyped-call]
    return f"the cluster has {free.get('CPU', 0.0):g} CPU and {free.get('GPU', 0.0):g} GPU left"


def _one_line(error: BaseException) -> str:
    return " ".join(str(error).split())


def _first_line(error: BaseException) -> str:
    return next((line.strip() for line in str(error).splitlines() if line.strip()), type(error).__name__)
