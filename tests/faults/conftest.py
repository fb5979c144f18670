"""How many seeds the fault tests try."""

from __future__ import annotations

import pytest

_LEASE_SEED_EVERY = 10  # a store that needs a lease is the rarer case


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    first, last = (int(number) for number in metafunc.config.getoption("--fault-seeds").split(":"))
    if "fault_seed" in metafunc.fixturenames:
        metafunc.parametrize("fault_seed", range(first, last))
    if "lease_seed" in metafunc.fixturenames:
        metafunc.parametrize("lease_seed", range(first, last, _LEASE_SEED_EVERY))
