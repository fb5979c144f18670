"""Processes that start in milliseconds: they are forked from one that has imported everything and computed nothing."""

from __future__ import annotations

import multiprocessing
from multiprocessing.context import ForkServerContext

_IMPORTED = ("actors.training.loop", "tests.faults.killed_driver")


def quick_processes() -> ForkServerContext:
    """The context whose `Process` starts them; a spawned one would import torch for seconds each time."""
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload(list(_IMPORTED))
    return context
