from __future__ import annotations

import os
import socket
import time
from pathlib import Path

import pytest

from actors.errors import ClusterError
from actors.ray_session import ray_session

pytestmark = pytest.mark.usefixtures("without_ray")


@pytest.mark.parametrize("scheme", ["", "ray://"])
def test_an_address_where_nothing_listens_is_an_error_within_seconds(scheme: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))  # bound, but it does not listen
        address = f"{scheme}127.0.0.1:{taken.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(ClusterError, match=f"no Ray cluster answers at {address}"), ray_session(address):
            pass
    assert time.monotonic() - started < 30


def test_a_dead_cluster_that_a_variable_names_is_told_by_that_variable(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        address = f"127.0.0.1:{taken.getsockname()[1]}"
        monkeypatch.setenv("RAY_ADDRESS", address)
        with pytest.raises(ClusterError) as caught, ray_session(None):
            pass
        assert f"no Ray cluster answers at {address}" in str(caught.value)
        assert "unset the variable RAY_ADDRESS" in str(caught.value)
        assert "--ray-address" not in str(caught.value)
        with pytest.raises(ClusterError, match="mend --ray-address"), ray_session(address):
            pass


@pytest.mark.parametrize("variable", ["TMPDIR", "RAY_TMPDIR"])
def test_a_temporary_folder_whose_path_is_too_long_for_sockets_is_told_with_the_remedy(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, variable: str
) -> None:
    folder = tmp_path / ("ü" * 60)
    folder.mkdir()
    monkeypatch.delenv("RAY_ADDRESS", raising=False)
    monkeypatch.delenv("RAY_TMPDIR", raising=False)
    monkeypatch.setenv(variable, str(folder))
    with pytest.raises(ClusterError) as caught, ray_session(None):
        pass
    assert (
        f"the temporary folder {folder} ({variable}) has a path of {len(str(folder).encode())} bytes"
        in str(caught.value)
    )
    assert "set RAY_TMPDIR to a shorter one" in str(caught.value)
    assert list(folder.iterdir()) == []


def test_the_environment_is_as_before_after_a_session(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("RAY_USAGE_STATS_ENABLED", "1")
    before = dict(os.environ)
    with pytest.raises(ClusterError, match="cannot be used"), ray_session("no address at all"):
        pass
    assert dict(os.environ) == before
