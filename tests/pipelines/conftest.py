"""Fixtures of the tests of jobs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from actors.ray_session import ray_session


@pytest.fixture(scope="module")
def ray_cluster(s3_endpoint: str) -> Iterator[None]:
    """A local Ray for the tests of one file; its workers inherit the AWS variables of the S3 fixture."""
    with ray_session("local"):
        yield
