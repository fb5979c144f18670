"""Whose a training run is, where two were begun into one directory: the later one's.

A lock would have to time out after every crash before the run could go on. So whoever begins takes the directory over
at once, and whoever finds that it was taken over stops. A driver may replace the one that it found when it was begun,
and no other: of two that are begun at the same time the one whose workers come last stops.
"""

from __future__ import annotations

import secrets
import socket
from dataclasses import dataclass
from datetime import UTC, datetime

from pydantic import AwareDatetime

from infra.errors import RunDirectoryError
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_bytes

DRIVER_FILE = "driver.json"


@dataclass(frozen=True)
class TrainingDriver:
    """One command that trains.

    Attributes:
        name: unlike any other's.
        replaces: the name it found in the run directory; None if there was none.
        host: the machine it runs on.
        since: when it was begun, UTC.
    """

    name: str
    replaces: str | None
    host: str
    since: AwareDatetime


def new_driver(storage: Storage, run_url: str) -> TrainingDriver:
    """A driver that may take over what is there now. Nothing is written: its workers may never start.

    RunDirectoryError if the file that is there is damaged, as below.
    """
    current = _current(storage, run_url)
    return TrainingDriver(
        name=secrets.token_hex(8),
        replaces=None if current is None else current.name,
        host=socket.gethostname(),
        since=datetime.now(UTC),
    )


def take_over(storage: Storage, run_url: str, driver: TrainingDriver) -> None:
    """Make the run that of `driver`, again and again if its workers are; RunDirectoryError if it is another's."""
    current = _current(storage, run_url)
    if current is not None and current.name not in {driver.name, driver.replaces}:
        raise _taken_over(run_url, current)
    storage.write_bytes(join(run_url, DRIVER_FILE), to_bytes(driver))


def check_driver(storage: Storage, run_url: str, driver: TrainingDriver) -> None:
    """RunDirectoryError once another driver has taken the run over. A lost file says nothing of that."""
    current = _current(storage, run_url)
    if current is not None and current.name != driver.name:
        raise _taken_over(run_url, current)


def _current(storage: Storage, run_url: str) -> TrainingDriver | None:
    url = join(run_url, DRIVER_FILE)
    if not storage.exists(url):
        return None
    try:
        return from_bytes(TrainingDriver, storage.read_bytes(url))
    except ValueError as error:
        raise RunDirectoryError(
            f"{url} is damaged ({error}): delete it and run the same command again"
        ) from None


def _taken_over(run_url: str, current: TrainingDriver) -> RunDirectoryError:
    return RunDirectoryError(
        f"{run_url} was taken over by a run begun at {current.since:%Y-%m-%d %H:%M:%S} UTC on {current.host}, "
        "so this one stops: leave it to that one, or end that one and give this command again"
    )
