"""Local files that are whole or not there at all, and last through a power cut once the call returns."""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

_COPY_BLOCK = 8 * 2**20
_UMASK = threading.Lock()
_NO_HARD_LINKS = {errno.EPERM, errno.ENOTSUP, errno.EOPNOTSUPP, errno.ENOSYS}  # as link(2) and drivers say it


def replace_with_bytes(path: Path, data: bytes) -> None:
    """Store `data` at `path` by a rename, so that a reader sees the old file or the new one."""
    with _temporary_beside(path) as temporary:
        _write_durably(temporary, data)
        temporary.replace(path)
    _sync_folder(path.parent)


def replace_with_copy(path: Path, source: Path) -> None:
    """Store a copy of `source` at `path` by a rename; memory does not grow with its size."""
    with _temporary_beside(path) as temporary:
        _copy_durably(source, temporary)
        temporary.replace(path)
    _sync_folder(path.parent)


def create_exclusively(path: Path, data: bytes) -> bool:
    """Store `data` at `path` only if nothing is there; a hard link decides among writers.

    Where the file system has none (FAT, exFAT, some network mounts), it is stored over whatever is there.
    """
    with _temporary_beside(path) as temporary:
        _write_durably(temporary, data)
        try:
            os.link(temporary, path)
        except FileExistsError:
            return False
        except OSError as error:
            if error.errno not in _NO_HARD_LINKS:
                raise
            temporary.replace(path)
    _sync_folder(path.parent)
    return True


def files_below(folder: Path, recursive: bool) -> Iterator[tuple[str, int, str]]:
    """Yield relative path, size in bytes and time of change of every file; nothing without such a folder.

    Linked folders are entered after the others, each folder once: no link leads in a circle, and no file comes twice.
    A link to nothing, or to itself, is yielded with the size of the link: to read it fails, which is better than not to
    hear of it.
    """
    if not folder.exists():
        return
    entered: set[tuple[int, int]] = set()
    folders, linked = [("", folder)], deque[tuple[str, Path]]()
    while folders or linked:
        prefix, current = folders.pop() if folders else linked.popleft()
        with suppress(FileNotFoundError):  # deleted since it was listed
            status = current.stat()
            if (status.st_dev, status.st_ino) in entered:
                continue
            entered.add((status.st_dev, status.st_ino))
            for entry in _sorted_entries(current):
                if recursive and _is_folder(entry):
                    found = (f"{prefix}{entry.name}/", Path(entry.path))
                    (linked if entry.is_symlink() else folders).append(found)
                else:
                    yield from _file(prefix, entry)


def _sorted_entries(folder: Path) -> list[os.DirEntry[str]]:
    with os.scandir(folder) as entries:
        return sorted(entries, key=lambda entry: entry.name)


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        return entry.is_dir()
    except OSError:  # a link to itself, or into a folder that is closed to us
        return False


def _file(prefix: str, entry: os.DirEntry[str]) -> Iterator[tuple[str, int, str]]:
    with suppress(FileNotFoundError):  # deleted since it was listed
        leads_nowhere = entry.is_symlink() and not os.path.exists(entry.path)  # noqa: PTH110  # whatever the OSError is
        if leads_nowhere or entry.is_file():  # not a socket
            status = entry.stat(follow_symlinks=not leads_nowhere)
            yield prefix + entry.name, status.st_size, str(status.st_mtime_ns)


@contextmanager
def _temporary_beside(target: Path) -> Iterator[Path]:
    # in the same folder, since a rename is atomic only within a file system; the dot keeps it out of globs
    _make_folder(target.parent)
    descriptor, name = tempfile.mkstemp(prefix=f".{target.name[:100]}.", suffix=".tmp", dir=target.parent)
    os.close(descriptor)
    temporary = Path(name)
    with _UMASK:  # it is of the process, and can only be read by setting it
        umask = os.umask(0)
        os.umask(umask)
    temporary.chmod(0o666 & ~umask)  # mkstemp's files are for their owner alone
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def _make_folder(folder: Path) -> None:
    """Make a folder and those above it that are missing, each on disk before anything is stored in it."""
    if folder.is_dir():
        return
    _make_folder(folder.parent)
    folder.mkdir(exist_ok=True)
    _sync_folder(folder.parent)


def _write_durably(path: Path, data: bytes) -> None:
    with path.open("wb") as stream:
        stream.write(data)
        stream.flush()
        os.fsync(stream.fileno())


def _copy_durably(source: Path, path: Path) -> None:
    with source.open("rb") as reader, path.open("wb") as writer:
        while block := reader.read(_COPY_BLOCK):
            writer.write(block)
        writer.flush()
        os.fsync(writer.fileno())


def _sync_folder(folder: Path) -> None:
    # a rename survives a power cut only once the folder itself is on disk
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
