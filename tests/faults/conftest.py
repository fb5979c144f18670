"""How many seeds the fault tests try."""

from __future__ import annotations

import pytest


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    if "fault_seed" in metafunc.fixturenames:
        first, last = (int(number) for number in metafunc.config.getoption("--fault-seeds").split(":"))
        metafunc.parametrize("fault_seed", range(first, last))
