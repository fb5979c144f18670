"""Every error of the project comes out of a worker's process as it was raised there: its type and its one line."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from actors.errors import ActorsError
from infra.errors import InfraError, Reason, SampleError
from infra.runs.reviews import Decided, Review, ReviewConflictError, Verdict
from mfp.errors import MfpError


def with_subclasses(error: type[Exception]) -> Iterator[type[Exception]]:
    yield error
    for subclass in error.__subclasses__():
        yield from with_subclasses(subclass)


REVIEW = Review(
    shard="shard-000000.tar",
    sample_key="a",
    object_id="1",
    verdict=Verdict.ACCEPTED,
    reviewer="Ada",
    time=datetime(2026, 1, 1, tzinfo=UTC),
    decision="one",
    attempt="1_0",
)
OF_OWN_FIELDS: dict[type[Exception], Exception] = {
    SampleError: SampleError(Reason.EMPTY_OBJECT, "no pixel"),
    ReviewConflictError: ReviewConflictError(Decided(REVIEW, 1)),
}
ERRORS = [
    OF_OWN_FIELDS[kind] if kind in OF_OWN_FIELDS else kind("shard a is broken")
    for family in (ActorsError, InfraError, MfpError)
    for kind in with_subclasses(family)
]


@pytest.mark.parametrize("error", ERRORS, ids=lambda error: type(error).__name__)
def test_an_error_is_the_same_in_another_process(error: Exception) -> None:
    there = pickle.loads(pickle.dumps(error))
    assert type(there) is type(error)
    assert (str(there), vars(there)) == (str(error), vars(error))
