"""A folder on the local disk for what does not stay: gone with its owner, or when the next one is made."""

from __future__ import annotations

import contextlib
import fcntl
import os
import shutil
import tempfile
from pathlib import Path

from infra.errors import StorageError

_PREFIX = "mfp-scratch-"


class ScratchFolder:
    """A folder of this process in the system's place for temporary files (`TMPDIR`).

    Its owner holds a lock on it, which ends with the process however it ends. So a folder without one belonged to
    a process that was killed, and goes when the next folder is made; process ids would not tell, since containers
    that share a disk number theirs alike.
    """

    def __init__(self) -> None:
        """Make the folder. StorageError if there is no room for one."""
        try:
            _delete_abandoned()
            self.path, self._lock = _locked_folder()
        except OSError as error:
            raise no_room(Path(tempfile.gettempdir()), error) from error

    def close(self) -> None:
        """Delete the folder with all that is in it."""
        shutil.rmtree(self.path, ignore_errors=True)
        if self._lock is not None:
            os.close(self._lock)
            self._lock = None


def no_room(path: Path, error: OSError) -> StorageError:
    """The error to raise if the local disk does not take what a shard yields."""
    reason = os.strerror(error.errno) if error.errno else str(error).splitlines()[0]
    return StorageError(
        f"cannot write {path} ({reason}): rows wait there until their shard is committed; make room, or set "
        "TMPDIR to a folder on a larger disk"
    )


def _locked_folder() -> tuple[Path, int | None]:
    while True:
        path = Path(tempfile.mkdtemp(prefix=_PREFIX))
        lock = _lock(path)
        if lock is not None and path.is_dir():
            return path, lock
        if lock is not None:  # another process took it for abandoned before it was locked
            os.close(lock)


def _lock(path: Path) -> int | None:
    """A descriptor that holds the lock on a folder; None if another process holds it, or the folder is gone."""
    descriptor = None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW)
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        if descriptor is not None:
            os.close(descriptor)
        return None
    return descriptor


def _delete_abandoned() -> None:
    for path in Path(tempfile.gettempdir()).glob(f"{_PREFIX}*"):
        with contextlib.suppress(OSError):  # another process was quicker
            if path.lstat().st_uid == os.getuid() and (lock := _lock(path)) is not None:
                shutil.rmtree(path, ignore_errors=True)
                os.close(lock)
