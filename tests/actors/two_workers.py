"""Runs a function in two processes that a gloo group joins, as Ray Train would: for tests that need no Ray."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch.multiprocessing.spawn import start_processes

from actors.training.group import TrainGroup
from tests.quick_processes import quick_processes


def run_in_two_workers(function: Callable[..., None], folder: Path, *args: Any) -> None:
    """Call `function(group, *args)` in both; raises if one of them did."""
    quick_processes()
    start_processes(  # type: ignore[no-untyped-call]
        _run, (function, str(folder / "rendezvous"), args), nprocs=2, start_method="forkserver"
    )


def _run(rank: int, function: Callable[..., None], rendezvous: str, args: tuple[Any, ...]) -> None:
    torch.set_num_threads(1)
    dist.init_process_group("gloo", init_method=f"file://{rendezvous}", rank=rank, world_size=2)
    try:
        function(TrainGroup(rank, 2, torch.device("cpu")), *args)
    finally:
        dist.destroy_process_group()
