"""Which failures of a training worker end the run."""

from __future__ import annotations

import errno
import os
from pathlib import Path
from typing import Any

import pytest
import torch
import torch.distributed as dist
from ray.exceptions import ActorDiedError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError
from torch.distributed import DistBackendError, DistNetworkError, DistStoreError

from actors.errors import ClusterError
from actors.training.group import TrainGroup
from actors.training.worker import MAX_FRUITLESS_STARTS, FailureRule, is_passing
from infra.errors import DatasetError, StorageError, UnusableStorageError
from mfp.errors import TrainingError
from tests.quick_processes import quick_processes

KILLED = WorkerHealthCheckFailedError("A worker health check failed.", ActorDiedError())
ECHO = RuntimeError(
    "[../third_party/gloo/transport/tcp/pair.cc:547] Connection closed by peer [127.0.0.1]:4096"
)


def _fail(rule: FailureRule, *errors: Exception) -> None:
    rule.after_exception(None, dict(enumerate(errors)))


@pytest.mark.parametrize(
    "error",
    [
        DatasetError("shard a is broken"),
        TrainingError("the loss is nan"),
        UnusableStorageError("there is no such bucket"),
        OSError(errno.ENOSPC, "No space left on device"),
    ],
)
def test_what_would_only_fail_again_ends_the_run_at_once_even_beside_its_echo(error: Exception) -> None:
    with pytest.raises(type(error)) as caught:
        _fail(FailureRule(), ECHO, error)
    assert caught.value is error


@pytest.mark.parametrize(
    "defect",
    [
        KeyError("a name that no one gave"),
        RuntimeError("cannot restore: the checkpoint has other keys"),
        RuntimeError("mat1 and mat2 shapes cannot be multiplied (no connection to any peer)"),
        RuntimeError("[enforce fail at third_party/gloo/gloo/transport/tcp/pair.cc:447] op.nbytes == nbytes"),
        DistBackendError("NCCL error: ncclInvalidUsage: Duplicate GPU detected"),
        NotImplementedError("gloo has no such operation"),
    ],
)
def test_a_defect_ends_the_run_at_once_whatever_words_it_uses_and_beside_its_echo(defect: Exception) -> None:
    for errors in ((defect,), (ECHO, defect), (defect, ECHO)):
        with pytest.raises(type(defect)) as raised:
            _fail(FailureRule(), *errors)
        assert raised.value is defect


def test_what_is_met_beside_a_worker_that_died_may_be_its_echo() -> None:
    rule, echo = FailureRule(), RuntimeError("some words of another library")
    for _ in range(MAX_FRUITLESS_STARTS - 1):
        _fail(rule, KILLED, echo)  # started again
    with pytest.raises(ClusterError, match="without reaching a checkpoint"):
        _fail(rule, KILLED, echo)


@pytest.mark.parametrize(
    "error", [DistNetworkError("The client socket has failed"), DistStoreError("timed out")]
)
def test_a_store_or_network_of_the_group_that_does_not_answer_may_pass(error: Exception) -> None:
    assert is_passing(error)


def _lose_the_other(rank: int, rendezvous: str, out: str) -> None:
    """Worker 1 dies in the middle; worker 0 writes down whether what it met may pass."""
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    group = TrainGroup(rank, 2, torch.device("cpu"))
    group.sums([1.0])
    if rank == 1:
        os._exit(1)
    try:
        group.sums([1.0])
    except Exception as error:
        Path(out).write_text(f"{is_passing(error)} {type(error).__name__}: {error}")
    os._exit(0)


def test_the_echo_of_a_worker_that_died_may_pass(tmp_path: Path) -> None:
    paths = (str(tmp_path / "rendezvous"), str(tmp_path / "met"))
    workers = [quick_processes().Process(target=_lose_the_other, args=(rank, *paths)) for rank in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    met = Path(paths[1]).read_text()
    assert met.startswith("True "), met


@pytest.mark.parametrize("errors", [(KILLED,), (ECHO, KILLED), (ECHO,), (StorageError("no answer"),)])
def test_what_may_pass_is_tried_again_until_nothing_comes_of_it(errors: tuple[Exception, ...]) -> None:
    rule = FailureRule()
    for _ in range(2 * MAX_FRUITLESS_STARTS):
        _fail(rule, *errors)
        rule.after_report(None, [_nothing()], None)  # a checkpoint was reached
    for _ in range(MAX_FRUITLESS_STARTS - 1):
        _fail(rule, *errors)
    with pytest.raises((ClusterError, StorageError)) as caught:
        _fail(rule, *errors)
    assert "\n" not in str(caught.value)


def _nothing() -> dict[str, Any]:
    return {}
