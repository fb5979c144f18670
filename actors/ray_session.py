"""Joining a Ray cluster, or starting one on this machine that nobody else can reach and that ends with the job.

Ray is imported late here: whether it binds to loopback only is decided by the environment at its first import.
"""

from __future__ import annotations

import atexit
import functools
import logging
import os
import secrets
import socket
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.errors import ClusterError
from actors.stop_request import before_leaving, check, closed_in_order

_CONNECT_SECONDS = 5.0


@dataclass(frozen=True)
class Cluster:
    """A Ray cluster as it is when one joins it; one that `is_local` will not grow."""

    is_local: bool
    num_cpus: float
    num_gpus: float


@contextmanager
def ray_session(address: str | None) -> Iterator[Cluster]:
    """Be connected to Ray inside the block.

    `address` None: the cluster that `RAY_ADDRESS` names (Ray Jobs sets it), else a local Ray with the CPUs
    and GPUs of this machine, whose processes end with the block. Inside another session the block joins that one.

    Raises:
        ClusterError: no cluster answers at `address`, or the local Ray does not start.

    """
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    with _environment(_settings_for(address)), closed_in_order():
        ray = _imported_ray()
        if ray.is_initialized():
            yield _cluster(address)
            return
        try:
            _connect(address)
            check()
            yield _cluster(address)
        finally:
            ray.shutdown()


def _imported_ray() -> Any:
    """Ray, told to leave SIGTERM alone: its handler for failures takes that for one, prints a stack trace and ends.

    Ray reads the variable once, when it is imported; workers keep their handlers.
    """
    name = "RAY_DISABLE_FAILURE_SIGNAL_HANDLER"
    with _environment({name: os.environ.get(name, "1")}):
        import ray
    return ray


def _cluster(address: str) -> Cluster:
    import ray

    total: dict[str, float] = ray.cluster_resources()  # type: ignore[no-untyped-call]
    return Cluster(address == "local", total.get("CPU", 0.0), total.get("GPU", 0.0))


def _connect(address: str) -> None:
    import ray

    _check_listening(address)
    try:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            include_dashboard=False if address == "local" else None,
        )
    except Exception as error:  # Ray raises a plain Exception when its processes do not come up in time
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        raise ClusterError(f"Ray at {address!r} cannot be used: {reason}; check --ray-address") from error


def _check_listening(address: str) -> None:
    """Ray itself tries for a minute and fills the terminal with warnings before it gives up on a dead address."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # local, auto: nothing to ask
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): start one, or mend --ray-address"
        ) from None


def _settings_for(address: str) -> dict[str, str]:
    """Variables that Ray reads; those of the caller win, but for the loopback switch of a local Ray."""
    settings = {"RAY_USAGE_STATS_ENABLED": os.environ.get("RAY_USAGE_STATS_ENABLED", "0")}
    if _is_loopback(address):
        # Without it Ray rewrites 127.0.0.1 to the address of another interface and listens there.
        settings["RAY_ENABLE_WINDOWS_OR_OSX_CLUSTER"] = "0"
    if address == "local" and "RAY_AUTH_MODE" not in os.environ:
        settings["RAY_AUTH_MODE"] = "token"
        settings["RAY_AUTH_TOKEN_PATH"] = str(_token_file())
    return settings


def _is_loopback(address: str) -> bool:
    host = address.removeprefix("ray://").rsplit(":", 1)[0]
    return host in {"local", "localhost", "127.0.0.1", "[::1]"}


@functools.cache
def _token_file() -> Path:
    """A token of this process, readable by this user only: Ray reads it once per process, so it never changes."""
    handle, name = tempfile.mkstemp(prefix="mfp-ray-token-")
    with os.fdopen(handle, "w") as file:
        file.write(secrets.token_hex(32))
    path = Path(name)
    delete = functools.partial(path.unlink, missing_ok=True)
    atexit.register(delete)
    before_leaving(delete)
    return path


@contextmanager
def _environment(settings: dict[str, str]) -> Iterator[None]:
    before = {name: os.environ.get(name) for name in settings}
    os.environ.update(settings)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
