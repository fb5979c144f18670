from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.actors.click_models.stand_in_clones import without_a_trace


@pytest.fixture(autouse=True)
def a_process_without_a_clone() -> Iterator[None]:
    """A process can hold one clone; every test begins without."""
    with without_a_trace():
        yield
