"""Which failures of a training worker end the run."""

from __future__ import annotations

import errno
from typing import Any

import pytest
from ray.exceptions import ActorDiedError
from ray.train.v2._internal.exceptions import WorkerHealthCheckFailedError

from actors.errors import ClusterError
from actors.training.worker import MAX_FRUITLESS_STARTS, FailureRule
from infra.errors import DatasetError, StorageError, UnusableStorageError
from mfp.errors import TrainingError

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


def test_a_defect_ends_the_run_at_once() -> None:
    with pytest.raises(KeyError):
        _fail(FailureRule(), KeyError("a name that no one gave"))


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
