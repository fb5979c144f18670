"""What Linux says of the memory of this process."""

from __future__ import annotations

from pathlib import Path

MEBIBYTE = 2**20


def resident_bytes(name: str = "VmRSS") -> int:
    """Memory of this process that lies in RAM now; "VmHWM": at its peak."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith(f"{name}:"):
            return int(line.split()[1]) * 1024
    raise AssertionError(f"/proc/self/status has no {name}")


def forget_peak() -> None:
    """Let the peak begin anew at what there is now."""
    Path("/proc/self/clear_refs").write_text("5")
