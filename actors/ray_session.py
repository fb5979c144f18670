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
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from actors.errors import ClusterError
from actors.stop_request import before_leaving, check_stop, closed_in_order

logger = logging.getLogger(__name__)

CONNECTING = "Ray at %s: connecting"
CONNECTED = "Ray at %s: connected"
_CONNECT_SECONDS = 5.0
_LONGEST_SOCKET = (
    107 if sys.platform.startswith("linux") else 103
)  # bytes, as the system's struct sockaddr_un has room
_SOCKET_IN_FOLDER = "/ray/session_2026-01-01_00-00-00_000000_/sockets/plasma_store"  # and the process id


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
    Loops inside the block call `check_stop`.

    Raises:
        ClusterError: no cluster answers at `address`, or the local Ray does not start.

    """
    given_by = "--ray-address" if address else "RAY_ADDRESS"
    address = address or os.environ.get("RAY_ADDRESS") or "local"
    with _environment(_settings_for(address)), closed_in_order():
        ray = _imported_ray()
        if ray.is_initialized():
            yield _cluster(address)
            return
        try:
            _connect(address, given_by)
            check_stop()
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


def _connect(address: str, given_by: str) -> None:
    """Join or start Ray; `given_by` is the option or variable that names the address."""
    import ray

    if address == "local":
        _check_temporary_folder()
    _check_listening(address, given_by)
    logger.info(CONNECTING, address)
    try:
        ray.init(
            address=address,
            logging_level=logging.ERROR,
            log_to_driver=False,
            include_dashboard=False if address == "local" else None,
        )
    except Exception as error:  # Ray raises a plain Exception when its processes do not come up in time
        reason = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
        if address == "local":
            raise ClusterError(
                f"Ray does not start on this machine: {reason}; end what else keeps it busy, or try again"
            ) from error
        raise ClusterError(f"Ray at {address!r} cannot be used: {reason}; check {given_by}") from error
    logger.info(CONNECTED, address)


def _check_temporary_folder() -> None:
    """Ray's sockets lie in the temporary folder, and the system takes no path of a socket beyond a length."""
    variable = "RAY_TMPDIR" if "RAY_TMPDIR" in os.environ else "TMPDIR"
    folder = os.environ.get(variable, "/tmp")  # noqa: S108  # what Ray itself falls back to
    longest = _LONGEST_SOCKET - len(f"{_SOCKET_IN_FOLDER}{os.getpid()}")
    if len(os.fsencode(folder)) > longest:
        raise ClusterError(
            f"the temporary folder {folder} ({variable}) has a path of {len(os.fsencode(folder))} bytes, and Ray's "
            f"sockets in it need one of {longest} at most: set RAY_TMPDIR to a shorter one, such as /tmp"
        )


def _check_listening(address: str, given_by: str) -> None:
    """Ray itself tries for a minute and fills the terminal with warnings before it gives up on a dead address."""
    host, _, port = address.removeprefix("ray://").rpartition(":")
    if not port.isdigit():
        return  # local, auto: nothing to ask
    try:
        socket.create_connection((host.strip("[]"), int(port)), _CONNECT_SECONDS).close()
    except OSError as error:
        raise ClusterError(
            f"no Ray cluster answers at {address} ({error.strerror or error}): start one, or {_remedy(given_by)}"
        ) from None


def _remedy(given_by: str) -> str:
    return (
        "unset the variable RAY_ADDRESS, which names it" if given_by == "RAY_ADDRESS" else f"mend {given_by}"
    )


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
