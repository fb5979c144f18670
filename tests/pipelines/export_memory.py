"""The peak memory of an export: `python -m tests.pipelines.export_memory FOLDER FORMAT`.

It exports the run that `many_masks` has made in that folder, in a process of its own: what making a run leaves behind
would hide what grows.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from actors.specs.export import ExportSpec
from infra.exports.format_names import FormatName
from pipelines.jobs.export import run_export
from tests.process_memory import MEBIBYTE, resident_bytes


def export(folder: Path, name: FormatName) -> None:
    """Export, and print the memory before and at its peak."""
    before, start = resident_bytes(), time.monotonic()
    exported = run_export(ExportSpec(run=str(folder / "run"), format=name, to=str(folder / name)))
    seconds, peak = time.monotonic() - start, resident_bytes("VmHWM")
    sys.stdout.write(
        f"{exported.objects:,} masks as {name} in {seconds:,.0f} s: {before / MEBIBYTE:.0f} MiB before, "
        f"{peak / MEBIBYTE:.0f} MiB at the peak\n"
    )


if __name__ == "__main__":
    export(Path(sys.argv[1]), sys.argv[2])  # type: ignore[arg-type]  # checked with the specification
