"""Every error of the project comes out of a worker's process as it was raised there: its type and its one line."""

from __future__ import annotations

import pickle
from collections.abc import Iterator

import pytest

from actors.errors import ActorsError
from infra.errors import InfraError, Reason, SampleError
from mfp.errors import MfpError


def with_subclasses(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for subclass in error.__subclasses__():
        yield from with_subclasses(subclass)


ERRORS = [
    SampleError(Reason.EMPTY_OBJECT, "no pixel") if kind is SampleError else kind("shard a is broken")
    for family in (ActorsError, InfraError, MfpError)
    for kind in with_subclasses(family)
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_in_another_process(error: Exception) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert (str(there), vars(there)) == (str(error), vars(error))
