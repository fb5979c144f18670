"""A store in memory that fails as stores fail: at which operations, a seed decides.

`faulty://WORLD/path` is a file system of fsspec, so the code under test reaches it as it reaches any other store.
"""

from __future__ import annotations

import errno
import io
from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path
from typing import Any, ClassVar

import fsspec
import numpy as np
from fsspec.spec import AbstractFileSystem

PROTOCOL = "faulty"
_STALE_OPERATIONS = 12  # a stale list does not know what was written this many operations ago or later


class Fault(StrEnum):
    """What can happen to one operation.

    SLOW_DOWN: refused, nothing was done. LOST_ANSWER: done, but the caller is told it failed. TORN: a part of a
    file is written, then the put fails. LOST_WRITE: acknowledged, and nothing is there. STALE: a listing or a look-up
    that does not know the newest files. DAMAGED: one byte of what is read differs. DEATH_BEFORE, DEATH_AFTER: the
    process is gone before or after the operation took effect.
    """

    SLOW_DOWN = "slow_down"
    LOST_ANSWER = "lost_answer"
    TORN = "torn"
    LOST_WRITE = "lost_write"
    STALE = "stale"
    DAMAGED = "damaged"
    DEATH_BEFORE = "death_before"
    DEATH_AFTER = "death_after"


_ALWAYS = (Fault.SLOW_DOWN, Fault.DEATH_BEFORE, Fault.DEATH_AFTER)
_FAULTS_OF: dict[str, Sequence[Fault]] = {
    "read": (*_ALWAYS, Fault.DAMAGED),
    "info": _ALWAYS,
    "list": (*_ALWAYS, Fault.STALE),
    "write": (*_ALWAYS, Fault.LOST_ANSWER, Fault.TORN, Fault.LOST_WRITE),
    # what a store promises of a conditional put, it keeps: whole or not at all
    "create": (*_ALWAYS, Fault.LOST_ANSWER),
    "delete": (*_ALWAYS, Fault.LOST_ANSWER),
}


class Death(BaseException):
    """The process that ran an operation is gone; no `except Exception` can go on after it."""


@dataclass
class World:
    """The files of one store, and the faults that its operations meet.

    Attributes:
        seed: with the number of an operation it decides that operation's fault.
        rate: of the operations that meet a fault, in [0, 1]; 0 is calm.
        honours_condition: whether a create-only put leaves what is there alone.
        files: path -> content.
        written: path -> number of the operation that wrote it.
        met: number and kind of every fault so far.
    """

    seed: int
    rate: float = 0.0
    honours_condition: bool = True
    files: dict[str, bytes] = field(default_factory=dict)
    written: dict[str, int] = field(default_factory=dict)
    met: list[tuple[int, str, str, Fault]] = field(default_factory=list)
    num_operations: int = 0

    def next_fault(self, kind: str, path: str) -> Fault | None:
        """Count an operation and tell what happens to it."""
        self.num_operations += 1
        if self.rate == 0:
            return None
        rng = np.random.default_rng((self.seed, self.num_operations))
        if rng.random() >= self.rate:
            return None
        choices = _FAULTS_OF[kind]
        fault = choices[int(rng.integers(len(choices)))]
        self.met.append((self.num_operations, kind, path, fault))
        if fault is Fault.SLOW_DOWN:
            raise OSError(errno.EBUSY, "503 SlowDown: please reduce your request rate", path)
        if fault is Fault.DEATH_BEFORE:
            raise Death(f"before {kind} of {path}")
        return fault

    def after(self, fault: Fault | None, kind: str, path: str) -> None:
        """What follows an operation that took effect."""
        if fault is Fault.DEATH_AFTER:
            raise Death(f"after {kind} of {path}")
        if fault is Fault.LOST_ANSWER:
            raise OSError(errno.ECONNRESET, "connection reset by peer", path)

    def put(self, path: str, data: bytes) -> None:
        """Make `data` the content of a file."""
        self.files[path] = data
        self.written[path] = self.num_operations

    def known(self, fault: Fault | None) -> list[str]:
        """The paths that a listing tells of."""
        horizon = self.num_operations - (_STALE_OPERATIONS if fault is Fault.STALE else 0)
        return [path for path in self.files if self.written[path] <= horizon]

    def damaged(self, data: bytes) -> bytes:
        """The data with one byte changed."""
        if not data:
            return data
        rng = np.random.default_rng((self.seed, self.num_operations, 1))
        changed = bytearray(data)
        changed[int(rng.integers(len(data)))] ^= 1 << int(rng.integers(8))
        return bytes(changed)


class FaultyFileSystem(AbstractFileSystem):  # type: ignore[misc]
    """What `Storage` uses of fsspec, over a World; threads of one process must not use it at once."""

    protocol = PROTOCOL
    cachable = False
    worlds: ClassVar[dict[str, World]] = {}

    def _world(self, path: str) -> World:
        return self.worlds[path.split("/", maxsplit=1)[0]]

    def _read(self, path: str) -> bytes:
        world = self._world(path)
        fault = world.next_fault("read", path)
        if path not in world.files:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        data = world.files[path]
        world.after(fault, "read", path)
        return world.damaged(data) if fault is Fault.DAMAGED else data

    def cat_file(self, path: str, start: int | None = None, end: int | None = None, **_: Any) -> bytes:
        return self._read(path)[start:end]

    def open(self, path: str, mode: str = "rb", **_: Any) -> io.BytesIO:
        assert mode == "rb", "writes are whole files"
        return io.BytesIO(self._read(self._strip_protocol(path)))

    def info(self, path: str, **_: Any) -> dict[str, Any]:
        world = self._world(path)
        fault = world.next_fault("info", path)
        world.after(fault, "info", path)
        if path in world.files:
            return {"name": path, "size": len(world.files[path]), "type": "file", "ETag": world.written[path]}
        if any(name.startswith(path + "/") for name in world.files):
            return {"name": path, "size": 0, "type": "directory"}
        raise FileNotFoundError(errno.ENOENT, "no such file", path)

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite", **_: Any) -> None:
        world = self._world(path)
        if mode == "create":
            fault = world.next_fault("create", path)
            if path in world.files and world.honours_condition:
                raise FileExistsError(errno.EEXIST, "exists", path)
            world.put(path, value)
            world.after(fault, "create", path)
            return
        fault = world.next_fault("write", path)
        if fault is Fault.LOST_WRITE:
            return
        world.put(path, value[: len(value) // 2] if fault is Fault.TORN else value)
        if fault is Fault.TORN:
            raise OSError(errno.EPIPE, "broken pipe", path)
        world.after(fault, "write", path)

    def put_file(self, lpath: str, rpath: str, **_: Any) -> None:
        self.pipe_file(rpath, Path(lpath).read_bytes())

    def rm_file(self, path: str) -> None:
        world = self._world(path)
        fault = world.next_fault("delete", path)
        if path not in world.files:
            raise FileNotFoundError(errno.ENOENT, "no such file", path)
        del world.files[path]
        world.after(fault, "delete", path)

    def ls(self, path: str, detail: bool = True, **_: Any) -> list[Any]:
        below = self._listed(path)
        return [entry for entry in below if "/" not in entry["name"][len(path) + 1 :]]

    def find(self, path: str, detail: bool = False, **_: Any) -> Any:
        return {entry["name"]: entry for entry in self._listed(path)}

    def _listed(self, path: str) -> list[dict[str, Any]]:
        world = self._world(path)
        fault = world.next_fault("list", path)
        world.after(fault, "list", path)
        return [
            {"name": name, "size": len(world.files[name]), "type": "file", "ETag": world.written[name]}
            for name in world.known(fault)
            if name.startswith(path + "/")
        ]


fsspec.register_implementation(PROTOCOL, FaultyFileSystem, clobber=True)
