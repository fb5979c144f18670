"""Whose a training run is, where two were begun into one directory: the later one's.

A lock would have to time out after every crash before the run could go on. So whoever begins takes the directory over
at once, and whoever finds that it was taken over stops.
"""

from __future__ import annotations

import json
import secrets
import socket
from datetime import UTC, datetime

from infra.errors import RunDirectoryError
from infra.json_text import parse_json
from infra.storage.files import Storage, join

DRIVER_FILE = "driver.json"


def take_over(storage: Storage, run_url: str) -> str:
    """Make the run that of the calling driver; returns the name by which `check_driver` knows it."""
    name = secrets.token_hex(8)
    since = datetime.now(UTC).isoformat(timespec="seconds")
    document = {"name": name, "host": socket.gethostname(), "since": since}
    storage.write_bytes(join(run_url, DRIVER_FILE), json.dumps(document).encode())
    return name


def check_driver(storage: Storage, run_url: str, name: str) -> None:
    """RunDirectoryError once another driver has taken the run over. A lost file says nothing of that."""
    url = join(run_url, DRIVER_FILE)
    if not storage.exists(url):
        return
    try:
        document = parse_json(storage.read_bytes(url))
        current, host, since = (str(document[field]) for field in ("name", "host", "since"))
    except (ValueError, KeyError, TypeError):
        raise RunDirectoryError(f"{url} is damaged: delete it and run the same command again") from None
    if current != name:
        raise RunDirectoryError(
            f"{run_url} was taken over by an `mfp train` begun at {since} on {host}: that one goes on from the newest "
            "checkpoint, this one stops"
        )
