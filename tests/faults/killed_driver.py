"""A process that labels a data set and is killed at one of its steps on the file system."""

from __future__ import annotations

import itertools
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch

import infra.runs.held_lease
from infra.storage.files import Storage
from tests.faults.driver import do_what_is_missing
from tests.infra.overwriting import Overwriting

_CHANGING = {"os.link", "os.rename", "os.remove", "os.chmod", "os.mkdir"}


def drive(
    folder: str, kill_at: int | None, count_file: str | None = None, storage: Storage | None = None
) -> None:
    """Label `folder`/data into `folder`/run; SIGKILL just before change number `kill_at` of a file or folder there.

    Every file that is opened for writing, made, linked, renamed or removed below `folder`/run is one change.
    `count_file` gets the number of changes of a life that was not cut short.
    """
    torch.set_num_threads(1)  # dozens of these processes follow each other
    steps: Iterator[int] = itertools.count()
    num_steps = 0

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        nonlocal num_steps
        if not _is_change(event, arguments, f"{folder}/run"):
            return
        num_steps = next(steps) + 1
        if num_steps - 1 == kill_at:
            os.kill(os.getpid(), signal.SIGKILL)

    sys.addaudithook(hook)
    do_what_is_missing(f"{folder}/run", f"{folder}/data", storage or Storage(), itertools.count(1))
    if count_file is not None:
        Path(count_file).write_text(str(num_steps))


def drive_under_a_lease(folder: str, kill_at: int) -> None:
    """The same on a storage that ignores create-only puts."""
    infra.runs.held_lease._SETTLE_SECONDS = 0.5
    drive(folder, kill_at, storage=Overwriting())


def _is_change(event: str, arguments: tuple[Any, ...], folder: str) -> bool:
    if event == "open":
        path, _, flags = arguments
        return str(path).startswith(folder) and bool(flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT))
    return event in _CHANGING and any(str(argument).startswith(folder) for argument in arguments)
