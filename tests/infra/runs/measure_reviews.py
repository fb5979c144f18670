"""How long many decisions take to read, and one to store: `python -m tests.infra.runs.measure_reviews 116649`."""

from __future__ import annotations

import json
import sys
import tempfile
import time
from dataclasses import replace
from pathlib import Path

from infra.runs.reviews import Reviews
from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from infra.strict_json import to_json
from tests.infra.runs.test_reviews import review


def main(count: int) -> None:
    """Write so many decisions into a temporary folder, read them, and say how long each step took."""
    with tempfile.TemporaryDirectory() as folder:
        reviews_folder = Path(folder, "reviews")
        reviews_folder.mkdir()
        for number in range(count):
            one = review(str(number), object_id=str(number))
            (reviews_folder / f"{one.digest}-1.json").write_text(json.dumps(to_json(one)))
        run = RunDirectory(folder, Storage())
        first, later = Reviews(run), Reviews(run)
        tell(f"{count:,} decisions, {sum(blocks(file) for file in reviews_folder.iterdir()) / 2**20:.0f} MiB")
        measure("read by the first", first.refresh)
        measure("packed", first.pack)
        measure("listed again", first.refresh)
        measure("read by others", later.refresh)
        measure("one stored", lambda: first.put(replace(review("new"), object_id="new"), 0))


def blocks(file: Path) -> int:
    """Bytes that a file takes on the disk."""
    return file.stat().st_blocks * 512


def measure(what: str, act: object) -> None:
    """Say how long something takes."""
    assert callable(act)
    began = time.perf_counter()
    act()
    tell(f"{what}: {time.perf_counter() - began:.3f} s")


def tell(line: str) -> None:
    """Print a line."""
    sys.stdout.write(f"{line}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main(int(sys.argv[1]))
