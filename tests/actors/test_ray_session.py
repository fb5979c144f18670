from __future__ import annotations

import os
import socket
import time

import pytest

from actors.errors import ClusterError
from actors.ray_session import ray_session


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nothing_listens_is_an_error_within_seconds(scheme: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        address = f"{scheme}127.0.0.1:{taken.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(ClusterError, match=f"no Ray cluster answers at {address}"), ray_session(address):
            pass
    assert time.monotonic() - started < 30


def test_the_environment_is_as_before_after_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    before = dict(os.environ)
    with pytest.raises(ClusterError, match="cannot be used"), ray_session("no address at all"):
        pass
    assert dict(os.environ) == before
