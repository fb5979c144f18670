"""`mfp`, which says when it is inside a certain call: `python -m tests.watched_cli FD CALL AFTER NUMBER COMMAND ...`.

A byte is written to the file descriptor FD as soon as the call (a name of `_CALLS`) is found under way and as many as
NUMBER files match the glob AFTER. Who reads it can send a signal that meets the command there.
"""

from __future__ import annotations

import concurrent.futures
import functools
import os
import selectors
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from actors import ray_session, stop_request
from pipelines.__main__ import main

_PAUSE_SECONDS = 0.02

_under_way: list[None] = []  # an item for each call
_told = threading.Event()


@contextmanager
def _inside() -> Iterator[None]:
    _under_way.append(None)
    try:
        yield
    finally:
        _under_way.pop()


def _watch(owner: Any, name: str, of_interest: Callable[..., bool] = lambda *_, **__: True) -> None:
    call = getattr(owner, name)

    @functools.wraps(call)
    def watched(*args: Any, **kwargs: Any) -> Any:
        if not of_interest(*args, **kwargs):
            return call(*args, **kwargs)
        with _inside():
            return call(*args, **kwargs)

    setattr(owner, name, watched)


def _hold(owner: Any, name: str) -> None:
    """Watch calls that are over in no time: each waits to be found, and the one that was waits for the signal."""
    call = getattr(owner, name)

    @functools.wraps(call)
    def held(*args: Any, **kwargs: Any) -> Any:
        with _inside():
            if _told.wait(2 * _PAUSE_SECONDS):
                stop_request._requested.wait()
            return call(*args, **kwargs)

    setattr(owner, name, held)


def _watch_ray_wait() -> None:
    """Not before the session has imported Ray: it decides by which settings."""
    connect = ray_session._connect

    def connect_and_watch(address: str, given_by: str) -> None:
        import ray

        connect(address, given_by)
        _watch(ray, "wait")

    ray_session._connect = connect_and_watch


_CALLS: dict[str, Callable[[], None]] = {
    "ray.init": lambda: _watch(ray_session, "_connect"),
    "ray.wait": _watch_ray_wait,
    # the two threads that a training run is waited for in
    "Thread.join": lambda: _watch(
        threading.Thread, "join", lambda thread, *_: thread.name in {"ray-train", "training"}
    ),
    "select": lambda: _watch(selectors.DefaultSelector, "select"),
    "Future.result": lambda: _hold(concurrent.futures.Future, "result"),
}


def _tell(descriptor: int, after: str, number: int) -> None:
    while not (_under_way and len(list(Path("/").glob(after.removeprefix("/")))) >= number):
        time.sleep(_PAUSE_SECONDS)
    _told.set()
    os.write(descriptor, b".")


if __name__ == "__main__":
    descriptor, call, after, number, *arguments = sys.argv[1:]
    _CALLS[call]()
    threading.Thread(target=_tell, args=(int(descriptor), after, int(number)), daemon=True).start()
    sys.argv = ["mfp", *arguments]
    main()
