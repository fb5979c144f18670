"""A profile names our own functions."""

from __future__ import annotations

import pytest

from pipelines.benchmarks.profiling import costs_of
from pipelines.benchmarks.result import Cost

STACKS = [
    "<module> (pipelines/__main__.py:32);Engine.run (mfp/engine.py:141);conv (torch/nn/conv.py:9) 6",
    "<module> (pipelines/__main__.py:32);Engine.run (mfp/engine.py:150);_call (torch/nn/conv.py:3);Net.forward "
    "(mfp/models/net.py:8);conv (torch/nn/conv.py:9) 12",
    "main (ray/worker.py:4);Engine.run (mfp/engine.py:141) 2",
    "main (ray/worker.py:4);wait (selectors.py:4) 80",
]


def test_time_in_a_library_counts_for_the_function_of_ours_that_calls_it() -> None:
    assert costs_of(STACKS, "Engine.run ") == (
        Cost("Net.forward (mfp/models/net.py)", 12 / 20),
        Cost("Engine.run (mfp/engine.py)", 8 / 20),
    )


def test_what_runs_no_code_of_ours_is_named_by_its_library() -> None:
    assert costs_of(STACKS, "")[0] == Cost("no code of ours (ray)", 80 / 100)


def test_shares_of_all_costs_add_up() -> None:
    assert sum(cost.share for cost in costs_of(STACKS, "")) == pytest.approx(1)
    assert costs_of([], "") == ()
