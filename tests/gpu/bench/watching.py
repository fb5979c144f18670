"""What a run of the engine does that its rate does not show: waits, memory, and where a second goes."""

from __future__ import annotations

import contextlib
import itertools
import warnings
from collections import Counter
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch.profiler import ProfilerActivity, profile

from mfp.engine import Engine
from mfp.session import Session
from tests.gpu.bench.feed import endless

_MOST_ROWS = 25


def hidden_waits(engine: Engine, sessions: list[Session], device: torch.device) -> dict[str, int] | None:
    """How often each line of code had the host wait for the device, while so many objects were clicked as are given.

    By `torch.cuda.set_sync_debug_mode`; waiting for an event, as collecting a batch does, is not among them. None on a
    CPU.
    """
    if device.type != "cuda":
        return None
    for _ in itertools.islice(engine.run(endless(sessions)), len(sessions)):
        pass  # memory is handed out, kernels are chosen
    counted = Counter[str]()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        torch.cuda.set_sync_debug_mode("warn")
        try:
            for _ in itertools.islice(engine.run(endless(sessions)), len(sessions)):
                pass
        finally:
            torch.cuda.set_sync_debug_mode("default")
    counted.update(
        f"{one.filename}:{one.lineno}" for one in caught if "called a synchronizing" in str(one.message)
    )
    return dict(counted)


@contextlib.contextmanager
def most_memory(device: torch.device) -> Iterator[Callable[[], int]]:
    """Inside, a function that gives the most bytes that PyTorch held at once on the device; 0 on a CPU."""
    if device.type != "cuda":
        yield lambda: 0
        return
    torch.cuda.reset_peak_memory_stats(device)
    yield lambda: torch.cuda.max_memory_allocated(device)


def profile_of(work: Callable[[], Any], device: torch.device) -> str:
    """A table of what some work spends its time on, the most costly first."""
    activities = [ProfilerActivity.CPU]
    if device.type == "cuda":
        activities.append(ProfilerActivity.CUDA)
    with profile(activities=activities) as profiled:
        work()
    by = "self_device_time_total" if device.type == "cuda" else "self_cpu_time_total"
    return str(profiled.key_averages().table(sort_by=by, row_limit=_MOST_ROWS, max_name_column_width=60))
