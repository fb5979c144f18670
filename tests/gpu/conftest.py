"""Tests that need a CUDA GPU: skipped without one. What they measure and do not judge is said at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator

import pytest
import torch

_said = pytest.StashKey[list[str]]()


def pytest_configure(config: pytest.Config) -> None:
    config.stash[_said] = []


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    if torch.cuda.is_available():
        return
    for item in items:
        if item.get_closest_marker("gpu") is not None:
            item.add_marker(pytest.mark.skip(reason="no CUDA GPU on this machine"))


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    lines = config.stash[_said]
    if lines:
        terminalreporter.section("measured on the GPU, not judged")
        for line in lines:
            terminalreporter.write_line(line)


@pytest.fixture
def say(request: pytest.FixtureRequest) -> Callable[[str], None]:
    """Have a line stand in the summary."""
    return request.config.stash[_said].append


@pytest.fixture
def whole_gpu() -> Iterator[None]:
    """A test may limit the memory of this process; afterwards it has all of it again."""
    torch.cuda.empty_cache()
    yield
    torch.cuda.set_per_process_memory_fraction(1.0)
    torch.cuda.empty_cache()
