"""Time and peak memory of an import: `python -m tests.pipelines.import_memory FOLDER FILE`.

It holds a file with corrected labels against the run that `many_masks` has made in that folder, in a process of its
own, and writes nothing.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

from actors.specs.import_labels import ImportLabelsSpec
from pipelines.jobs.import_labels import run_import_labels
from tests.process_memory import MEBIBYTE, resident_bytes


def import_(folder: Path, file: Path) -> None:
    """Import, and print the memory before and at its peak."""
    before, start = resident_bytes(), time.monotonic()
    spec = ImportLabelsSpec(file=str(file), run=str(folder / "run"), reviewer="nobody", dry_run=True)
    imported = run_import_labels(spec)
    seconds, peak = time.monotonic() - start, resident_bytes("VmHWM")
    sys.stdout.write(
        f"{imported.accepted:,} masks of {file.stat().st_size / MEBIBYTE:,.0f} MiB as {imported.format} accepted in "
        f"{seconds:,.0f} s: {before / MEBIBYTE:.0f} MiB before, {peak / MEBIBYTE:.0f} MiB at the peak\n"
    )


if __name__ == "__main__":
    import_(Path(sys.argv[1]), Path(sys.argv[2]))
