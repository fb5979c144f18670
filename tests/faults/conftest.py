"""How many seeds the fault tests try, and what they have met in all."""

from __future__ import annotations

from collections import Counter

import pytest

_LEASE_SEED_EVERY = 10  # a store that needs a lease is the rarer case
_TALLY = pytest.StashKey[Counter[str]]()


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    first, last = (int(number) for number in metafunc.config.getoption("--fault-seeds").split(":"))
    if "fault_seed" in metafunc.fixturenames:
        metafunc.parametrize("fault_seed", range(first, last))
    if "lease_seed" in metafunc.fixturenames:
        metafunc.parametrize("lease_seed", range(first, last, _LEASE_SEED_EVERY))


@pytest.fixture
def tally(pytestconfig: pytest.Config) -> Counter[str]:
    """What the fault tests count; pytest's summary prints it, and docs/faults.md names the figures."""
    return pytestconfig.stash.setdefault(_TALLY, Counter())


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    for what, number in config.stash.get(_TALLY, Counter()).items():
        terminalreporter.write_line(f"{what}: {number:,}")
