"""Processes that do work when they are told to, each on threads of its own: several ways of working in one run."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from multiprocessing.connection import Connection
from typing import Any, Generic, Self, TypeAlias, TypeVar

import cv2
import torch

from pipelines.errors import BenchError

ResultT = TypeVar("ResultT")

Prepare: TypeAlias = Callable[..., Callable[[], ResultT]]
"""Makes everything ready in a process and returns its work; a function of a module, since it is sent there."""

_THREAD_VARIABLES = ("OMP_NUM_THREADS", "MKL_NUM_THREADS")


class WorkProcesses(Generic[ResultT]):
    """A process for each share of the work. They wait between two runs; leaving the block ends them."""

    def __init__(
        self,
        prepare: Prepare[ResultT],
        shares: Sequence[tuple[Any, ...]],
        num_threads: int,
    ) -> None:
        """Start a process for every share, with `prepare(*share)` as its work; return when all are ready.

        What `prepare` raises is raised here; BenchError if a process dies.
        """
        spawning = multiprocessing.get_context("spawn")
        self._connections: list[Connection] = []
        self._processes = []
        with _environment_of_children(dict.fromkeys(_THREAD_VARIABLES, str(num_threads))):
            for share in shares:
                ours, theirs = spawning.Pipe()
                process = spawning.Process(
                    target=_serve, args=(theirs, prepare, share, num_threads), daemon=True
                )
                process.start()
                theirs.close()
                self._connections.append(ours)
                self._processes.append(process)
        self.results: list[ResultT] = []
        """What each share came to in the newest run."""
        try:
            self._answers()
        except BaseException:
            self._end()
            raise

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end()

    def _end(self) -> None:
        for connection in self._connections:
            connection.close()
        for process in self._processes:
            process.terminate()
            process.join()

    def run(self) -> float:
        """Have every process do its work once, side by side; return the seconds until the last was through."""
        started = time.perf_counter()
        for connection in self._connections:
            with suppress(BrokenPipeError):  # of a process that has died: its answer says so
                connection.send(None)
        answers = self._answers()
        seconds = time.perf_counter() - started
        self.results = answers
        return seconds

    def _answers(self) -> list[Any]:
        answers = []
        for connection in self._connections:
            try:
                error, answer = connection.recv()
            except (EOFError, ConnectionResetError):
                raise BenchError(
                    "a process of the benchmark has died (killed, out of memory): ask for fewer --threads or --objects"
                ) from None
            if error is not None:
                raise error
            answers.append(answer)
        return answers


def shape(num_processes: int, num_threads: int) -> str:
    """How work is spread, in words: `2 processes x 1 thread`."""
    processes = f"{num_processes} process{'es' if num_processes > 1 else ''}"
    return f"{processes} x {num_threads} thread{'s' if num_threads > 1 else ''}"


def _serve(connection: Connection, prepare: Prepare[Any], share: tuple[Any, ...], num_threads: int) -> None:
    """What a process does until the other end is closed."""
    try:
        torch.set_num_threads(num_threads)
        cv2.setNumThreads(num_threads)
        work = prepare(*share)
        connection.send((None, None))
        while True:
            connection.recv()
            connection.send((None, work()))
    except (EOFError, BrokenPipeError, KeyboardInterrupt):
        return
    except Exception as error:
        connection.send((error, None))


@contextmanager
def _environment_of_children(variables: Mapping[str, str]) -> Iterator[None]:
    """A child has its parent's; libraries read them when they are loaded."""
    before = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                del os.environ[name]
            else:
                os.environ[name] = value
