"""Which processes have come from which: what a driver has started is told by that, since Ray renames its workers."""

from __future__ import annotations

from pathlib import Path


def ancestors(pid: int) -> list[int]:
    """The process, its parent, the parent's parent, ..."""
    found = []
    while pid > 1:
        status = _status(pid)
        if status is None:
            break
        found.append(pid)
        pid = int(status[1])
    return found


def descendants(pid: int) -> set[int]:
    """All processes below a process."""
    running = {int(path.name) for path in Path("/proc").glob("[0-9]*")}
    return {other for other in running if pid in ancestors(other)[1:]}


def is_running(pid: int) -> bool:
    """Whether it is there and has not ended."""
    status = _status(pid)
    return status is not None and status[0] not in {"Z", "X"}


def takes_signal(pid: int, number: int) -> bool:
    """Whether a process has a handler of its own for a signal."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    except OSError:
        return False
    caught = next(line for line in lines if line.startswith("SigCgt:")).split()[1]
    return bool(int(caught, 16) >> (number - 1) & 1)


def title(pid: int) -> str:
    """What it calls itself, its command line to begin with; empty if there is no such process."""
    try:
        return Path(f"/proc/{pid}/cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace").strip()
    except OSError:
        return ""


def _status(pid: int) -> list[str] | None:
    """The fields of /proc/PID/stat from the state on; None if there is no such process."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
