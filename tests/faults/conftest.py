"""How many seeds the fault tests try, and what they meet."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator

import pytest

_LEASE_SEED_EVERY = 10  # a store that needs a lease is the rarer case


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    first, last = (int(number) for number in metafunc.config.getoption("--fault-seeds").split(":"))
    if "fault_seed" in metafunc.fixturenames:
        metafunc.parametrize("fault_seed", range(first, last))
    if "lease_seed" in metafunc.fixturenames:
        metafunc.parametrize("lease_seed", range(first, last, _LEASE_SEED_EVERY))


@pytest.fixture
def tally(record_property: Callable[[str, object], None]) -> Iterator[Counter[str]]:
    """What a test counts; the summary of all tests sums it up, and docs/faults.md names the figures."""
    counted = Counter[str]()
    yield counted
    for what, number in counted.items():
        record_property(what, number)
