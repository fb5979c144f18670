"""Processes of a benchmark do their shares on threads of their own, and end with the block."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from mfp.errors import ModelError
from pipelines.benchmarks.processes import WorkProcesses, shape
from pipelines.errors import BenchError
from tests.process_tree import is_running
from tests.waiting import wait_until


def prepare(folder: Path, name: str, other: str) -> Callable[[], tuple[str, int, int, str]]:
    def work() -> tuple[str, int, int, str]:
        (folder / name).touch()
        wait_until((folder / other).exists)
        return name, os.getpid(), torch.get_num_threads(), os.environ["OMP_NUM_THREADS"]

    return work


def prepare_nothing(text: str) -> Callable[[], None]:
    raise ModelError(text)


def test_every_share_is_done_beside_the_others_on_its_own_threads(tmp_path: Path) -> None:
    before = dict(os.environ)
    shares = [(tmp_path, "one", "other"), (tmp_path, "other", "one")]
    with WorkProcesses(prepare, shares, 3) as processes:
        assert processes.run() > 0
        assert [(name, *rest) for name, _, *rest in processes.results] == [
            ("one", 3, "3"),
            ("other", 3, "3"),
        ]
        pids = [pid for _, pid, *_ in processes.results]
        assert all(map(is_running, pids))
    assert not any(map(is_running, pids))
    assert dict(os.environ) == before


def test_what_a_process_cannot_prepare_is_raised() -> None:
    with pytest.raises(ModelError, match="no such thing"):
        WorkProcesses(prepare_nothing, [("no such thing",)], 1)


def prepare_to_die(folder: Path, name: str) -> Callable[[], None]:
    (folder / name).write_text(str(os.getpid()))

    def work() -> None:
        os._exit(1)

    return work


def test_a_process_that_dies_is_told_in_one_line_at_once_and_ever_after(tmp_path: Path) -> None:
    with WorkProcesses(prepare_to_die, [(tmp_path, "one")], 1) as processes:
        for _ in range(2):
            with pytest.raises(BenchError, match="a process of the benchmark has died"):
                processes.run()


def prepare_one_of_two(folder: Path, name: str) -> Callable[[], None]:
    (folder / name).write_text(str(os.getpid()))
    if name == "other":
        raise ModelError("no such thing")
    return lambda: None


def test_no_process_is_left_if_one_cannot_prepare(tmp_path: Path) -> None:
    with pytest.raises(ModelError, match="no such thing"):
        WorkProcesses(prepare_one_of_two, [(tmp_path, "one"), (tmp_path, "other")], 1)
    assert not any(is_running(int((tmp_path / name).read_text())) for name in ("one", "other"))


def test_the_spread_of_work_in_words() -> None:
    assert [shape(1, 2), shape(2, 1)] == ["1 process x 2 threads", "2 processes x 1 thread"]
