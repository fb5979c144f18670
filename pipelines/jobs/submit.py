"""The same commands on a Ray cluster, through Ray Jobs.

The driver runs on the cluster, so a submitted job outlives the terminal it was started from. What travels is
the code of the four rooms with the shipped weights, and the command line: no data and no credentials. Workers
read and write with the credentials of the cluster's own environment.
"""

from __future__ import annotations

import asyncio
import logging
import shlex
import socket
import time
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, TextIO
from urllib.parse import urlsplit

from actors.stop_request import check_stop, closed_in_order
from infra.runs.run_directory import RunDirectory
from infra.runs.set_aside import committed_and_set_aside
from infra.storage.credentials import carries_credentials
from infra.storage.files import Storage
from infra.storage.options import StorageOptions
from pipelines.errors import JobError
from pipelines.inputs.run_record import LabelRecord, read_record
from pipelines.jobs.decided import Decided, read_decided
from pipelines.jobs.job_package import CONFIG_FILE, package

if TYPE_CHECKING:
    from ray.job_submission import JobDetails, JobSubmissionClient

_CONNECT_SECONDS = 5.0
_STOP_SECONDS = 30.0
_POLL_SECONDS = 0.2

# Ray keeps these with the job; `status` finds the run by them when the driver is long gone.
_COMMAND, _RUN, _ENDPOINT, _REGION = "mfp_command", "mfp_run", "mfp_endpoint", "mfp_region"


@dataclass(frozen=True)
class JobCommand:
    """A command line of this package: its name, its arguments, and the run directory it works on.

    `config` is the configuration file among the arguments, None if there is none, and `settings` what the job carries
    of it.
    """

    name: str
    arguments: tuple[str, ...]
    run_url: str
    storage: StorageOptions
    config: Path | None = None
    settings: bytes = b""

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
        arguments = [self._carried(argument) for argument in self.arguments]
        return shlex.join(["python", "-m", "pipelines", self.name, *arguments])

    def _carried(self, argument: str) -> str:
        """An argument as the job says it: its configuration file lies in its working directory."""
        option, equals, value = argument.rpartition("=")
        is_config = self.config is not None and Path(value) == self.config and option in {"", "--config"}
        return f"{option}{equals}{CONFIG_FILE}" if is_config else argument


@dataclass(frozen=True)
class RunProgress:
    """What the records of a run directory say; it stays true without driver and cluster.

    `decided` says why shards were left out, None if nothing does.
    """

    num_shards: int
    committed_shards: int
    set_aside_shards: int
    objects: int
    quarantined: int
    decided: Decided | None

    def __str__(self) -> str:
        set_aside = f", {self.set_aside_shards:,} set aside (mfp report)" if self.set_aside_shards else ""
        decided = "" if self.decided is None else f"{self.decided}, "
        return (
            f"{decided}{self.committed_shards:,} of {self.num_shards:,} shards committed{set_aside}, "
            f"{self.objects:,} objects, {self.quarantined:,} quarantined"
        )


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


def check_locations(locations: Iterable[tuple[str, str]]) -> None:
    """Refuse what a node of a cluster would not find, or what would show credentials in the list of jobs.

    Each pair is how a person calls the value (`--out`) and the path or URL given for it.
    """
    for option, location in locations:
        if "://" not in location and not Path(location).is_absolute():
            raise JobError(
                f"{option} {location!r} is a relative path, which no node of a cluster can find: give a URL "
                f"(s3://bucket/folder), or {Path(location).absolute()} where every node sees these files"
            )
        if carries_credentials(location):
            raise JobError(
                f"{option} holds a password, a token or a signature, which everyone who sees the list of jobs could "
                "read: set the credentials in the environment of the cluster"
            )


def submit(command: JobCommand, address: str) -> str:
    """Start `command` on the cluster at `address` (its dashboard's URL); return the job's id."""
    with _cluster(address) as client, closed_in_order(), package(command.settings) as folder:
        check_stop()
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


def run_progress(run_url: str, storage: StorageOptions) -> RunProgress:
    """Count the commits of a run of `mfp label` or `mfp evaluate`, and the shards that could not be done.

    Raises:
        RunDirectoryError: there is no such run, or not yet, or it is damaged.
    """
    directory = RunDirectory(run_url, Storage(storage))
    num_shards = read_record(LabelRecord, run_url, directory.storage).dataset.num_shards
    committed, set_aside = committed_and_set_aside(directory)
    records = committed.values()
    return RunProgress(
        num_shards=num_shards,
        committed_shards=len(records),
        set_aside_shards=len(set_aside),
        objects=sum(record.objects for record in records),
        quarantined=sum(record.parts["errors"].rows for record in records),
        decided=read_decided(run_url, directory.storage) if len(records) < num_shards else None,
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
            time.sleep(_POLL_SECONDS)
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
        # Ray appends the end of the log, which `mfp logs` shows better
        message=" ".join((details.message or "").split(", last available logs")[0].split()),
        seconds=None if details.start_time is None else max(0.0, (ended - details.start_time) / 1000),
    )


def _status(details: JobDetails) -> str:
    from pipelines.exit_codes import ExitCode

    # Ray calls every exit code but 0 a failure
    if details.driver_exit_code == ExitCode.QUARANTINED:
        return "SUCCEEDED, but for what was quarantined or set aside"
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

    # it would report every upload on stderr
    logging.getLogger("ray.dashboard.modules.dashboard_sdk").setLevel(logging.WARNING)
    logging.getLogger("ray._private.runtime_env.packaging").setLevel(logging.WARNING)
    remedy = "give the dashboard's URL (http://host:8265) as --address"
    try:
        yield JobSubmissionClient(url)
    except AuthenticationError as error:
        reason = str(error).strip().splitlines()[0].split(". ")[0]
        raise JobError(
            f"{url} lets nobody in without its token: {reason}; set RAY_AUTH_MODE=token and RAY_AUTH_TOKEN_PATH"
        ) from error
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
