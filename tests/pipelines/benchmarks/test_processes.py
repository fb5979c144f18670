"""Processes of a benchmark do their shares on threads of their own, and end with the block."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mfp.errors import ModelError
from pipelines.benchmarks.processes import WorkProcesses, shape
from tests.process_tree import is_running
from tests.waiting import wait_until


def prepare(folder: Path, name: str, other: str) -> Callable[[], tuple[str, int, int, str, str]]:
    def work() -> tuple[str, int, int, str, str]:
        (folder / name).touch()
        wait_until((folder / other).exists)
        variables = os.environ["OMP_NUM_THREADS"], os.environ["OMP_WAIT_POLICY"]
        return name, os.getpid(), torch.get_num_threads(), *variables

    return work


def prepare_nothing(text: str) -> Callable[[], None]:
    raise ModelError(text)


def test_every_share_is_done_beside_the_others_on_its_own_threads(tmp_path: Path) -> None:
    before = dict(os.environ)
    shares = [(tmp_path, "one", "other"), (tmp_path, "other", "one")]
    with WorkProcesses(prepare, shares, 3, {"OMP_WAIT_POLICY": "passive"}) as processes:
        assert processes.run() > 0
        assert [(name, *rest) for name, _, *rest in processes.results] == [
            ("one", 3, "3", "passive"),
            ("other", 3, "3", "passive"),
        ]
        pids = [pid for _, pid, *_ in processes.results]
        assert all(map(is_running, pids))
    assert not any(map(is_running, pids))
    assert dict(os.environ) == before


def test_what_a_process_cannot_prepare_is_raised() -> None:
    with pytest.raises(ModelError, match="no such thing"):
        WorkProcesses(prepare_nothing, [("no such thing",)], 1)


def test_the_spread_of_work_in_words() -> None:
    assert [shape(1, 2), shape(2, 1)] == ["1 process x 2 threads", "2 processes x 1 thread"]
