"""The same commands on a Ray cluster, through Ray Jobs.

The driver runs on the cluster, so a submitted job outlives the terminal it was started from. What travels is
the code of the four rooms with the shipped weights, and the command line: no data and no credentials. Workers
read and write with the credentials of the cluster's own environment.
"""

from __future__ import annotations

import asyncio
import shlex
import shutil
import socket
import tempfile
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from infra.errors import InfraError
from infra.run_directory import RunDirectory
from infra.storage import Storage, StorageOptions
from pipelines.errors import JobError

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

ROOMS = ("mfp", "infra", "actors", "pipelines")
MAX_PACKAGE_MIB = 100
_CONNECT_SECONDS = 5.0
_STOP_SECONDS = 30.0

# Ray keeps these with the job; `status` finds the run by them when the driver is long gone.
_COMMAND, _RUN, _ENDPOINT, _REGION = "mfp_command", "mfp_run", "mfp_endpoint", "mfp_region"


@dataclass(frozen=True)
class JobCommand:
    """A command line of this package: its name, its arguments, and the run directory it works on."""

    name: str
    arguments: tuple[str, ...]
    run_url: str
    storage: StorageOptions

    def metadata(self) -> dict[str, str]:
        """What Ray keeps with the job."""
        pairs = {
            _COMMAND: self.name,
            _RUN: self.run_url,
            _ENDPOINT: self.storage.endpoint,
            _REGION: self.storage.region,
        }
        return {key: value for key, value in pairs.items() if value}

    def entrypoint(self) -> str:
        """The shell command that Ray runs in the unpacked package."""
        return shlex.join(["python", "-m", "pipelines.cli", self.name, *self.arguments])


@dataclass(frozen=True)
class RunProgress:
    """What the commit records of a run directory say; it stays true without driver and cluster."""

    committed_shards: int
    objects: int
    quarantined: int


@dataclass(frozen=True)
class JobState:
    """One job of this package as Ray knows it. `seconds` is its run time so far, None before it starts."""

    job_id: str
    command: str
    run_url: str
    storage: StorageOptions
    status: str
    message: str
    seconds: float | None


def check_locations(locations: Mapping[str, str]) -> None:
    """Refuse what a node of a cluster would not find, or what would show credentials in the list of jobs.

    Keys are how a person calls the value (`--out`), values are paths or URLs.
    """
    for option, location in locations.items():
        if "://" not in location and not Path(location).is_absolute():
            raise JobError(
                f"{option} {location!r} is a relative path, which no node of a cluster can find: give a URL such "
                f"as s3://bucket/folder, or {Path(location).absolute()} where every node sees this file system"
            )
        if urlsplit(location).password:
            raise JobError(
                f"{option} holds a password, which everyone who sees the list of jobs could read: "
                "set the credentials in the environment of the cluster"
            )


@contextmanager
def package() -> Iterator[Path]:
    """Yield a folder with the code of the four rooms and the shipped weights: a job's working directory.

    It names what goes instead of what stays, so data, .git, .venv or a file of secrets can never be sent.
    """
    source = Path(__file__).parents[1]
    with tempfile.TemporaryDirectory(prefix="mfp-package-") as folder:
        for room in ROOMS:
            shutil.copytree(source / room, Path(folder, room), ignore=shutil.ignore_patterns("__pycache__"))
        num_bytes = package_bytes(Path(folder))
        if num_bytes > MAX_PACKAGE_MIB * 2**20:
            raise JobError(
                f"the code and weights in {source} are {num_bytes / 2**20:.0f} MiB, over the {MAX_PACKAGE_MIB} "
                f"MiB a job may carry: move other files out of {', '.join(ROOMS)}"
            )
        yield Path(folder)


def package_bytes(folder: Path) -> int:
    """Total size of the files under `folder`."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file())


def submit(command: JobCommand, address: str) -> str:
    """Start `command` on the cluster at `address` (its dashboard's URL); return the job's id."""
    with _cluster(address) as client, package() as folder:
        return client.submit_job(
            entrypoint=command.entrypoint(),
            runtime_env={"working_dir": str(folder)},
            metadata=command.metadata(),
        )


def jobs(address: str) -> list[JobState]:
    """Every job of this package that the cluster remembers, latest first."""
    with _cluster(address) as client:
        ours = [details for details in client.list_jobs() if _COMMAND in (details.metadata or {})]
    return [_state(details) for details in sorted(ours, key=lambda one: one.start_time or 0, reverse=True)]


def job_state(job_id: str, address: str) -> JobState:
    """What Ray says about one job."""
    with _cluster(address) as client:
        return _state(_details(client, job_id))


def run_progress(run_url: str, storage: StorageOptions) -> RunProgress | None:
    """Count the commit records of a run. None before the run directory exists."""
    directory = RunDirectory(run_url, Storage(storage))
    try:
        directory.config()
    except InfraError:
        return None
    records = directory.committed().values()
    return RunProgress(
        committed_shards=len(records),
        objects=sum(record.objects for record in records),
        quarantined=sum(record.parts["errors"].rows for record in records),
    )


def write_logs(job_id: str, address: str, follow: bool, out: TextIO) -> None:
    """Write what the driver has printed; with `follow`, go on until the job ends."""
    with _cluster(address) as client:
        _details(client, job_id)
        if follow:
            asyncio.run(_tail(client, job_id, out))
        else:
            out.write(client.get_job_logs(job_id))


def stop(job_id: str, address: str) -> JobState:
    """Ask Ray to end a job, and wait until it has."""
    with _cluster(address) as client:
        _details(client, job_id)
        client.stop_job(job_id)
        deadline = time.monotonic() + _STOP_SECONDS
        while not (details := client.get_job_info(job_id)).status.is_terminal():
            if time.monotonic() > deadline:
                raise JobError(f"job {job_id} has not ended within {_STOP_SECONDS:.0f} s: stop it again")
            time.sleep(0.2)
        return _state(details)


async def _tail(client: JobSubmissionClient, job_id: str, out: TextIO) -> None:
    async for text in client.tail_job_logs(job_id):
        out.write(text)
        out.flush()


def _state(details: JobDetails) -> JobState:
    metadata = details.metadata or {}
    ended = details.end_time or time.time() * 1000
    return JobState(
        job_id=details.submission_id or details.job_id or "",
        command=metadata.get(_COMMAND, details.entrypoint),
        run_url=metadata.get(_RUN, ""),
        storage=StorageOptions(metadata.get(_ENDPOINT), metadata.get(_REGION)),
        status=_status(details),
        message=" ".join((details.message or "").split()),
        seconds=None if details.start_time is None else max(0.0, (ended - details.start_time) / 1000),
    )


def _status(details: JobDetails) -> str:
    from pipelines.exit_codes import ExitCode

    # Ray calls every exit code but 0 a failure
    if details.driver_exit_code == ExitCode.QUARANTINED:
        return "SUCCEEDED, some samples quarantined"
    return str(details.status.value)


def _details(client: JobSubmissionClient, job_id: str) -> JobDetails:
    try:
        return client.get_job_info(job_id)
    except RuntimeError as error:
        if "404" in str(error):
            raise JobError(f"the cluster knows no job {job_id!r}: `mfp jobs` lists those it knows") from None
        raise


@contextmanager
def _cluster(address: str) -> Iterator[JobSubmissionClient]:
    url = address if "://" in address else f"http://{address}"
    _check_listening(url)
    from ray.exceptions import AuthenticationError
    from ray.job_submission import JobSubmissionClient

    remedy = "give the dashboard's URL (http://host:8265) as --address"
    try:
        yield JobSubmissionClient(url)
    except AuthenticationError as error:
        reason = str(error).strip().splitlines()[0]
        raise JobError(f"{url} wants a token: {reason} (RAY_AUTH_MODE=token, RAY_AUTH_TOKEN_PATH)") from error
    except (RuntimeError, ConnectionError, ValueError) as error:
        reason = str(error).strip().splitlines()[0]
        raise JobError(f"the Ray cluster at {url} did not do as asked: {reason}; {remedy}") from error


def _check_listening(url: str) -> None:
    """Ray's client sets no time-out of its own: a host that drops packets would hold a person for minutes."""
    parts = urlsplit(url)
    if parts.scheme not in {"http", "https"} or not parts.hostname:
        raise JobError(f"--address {url!r} is not the URL of a Ray dashboard, such as http://127.0.0.1:8265")
    port = parts.port or (443 if parts.scheme == "https" else 80)
    try:
        socket.create_connection((parts.hostname, port), _CONNECT_SECONDS).close()
    except OSError as error:
        raise JobError(
            f"no Ray cluster answers at {url} ({error.strerror or error}): start one, or give --address"
        ) from error
