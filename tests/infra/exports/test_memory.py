"""What an export holds in memory does not grow with the number of its masks."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from tests.infra.exports.memory_by_sample import OBJECTS_OF_IMAGE
from tests.process_memory import MEBIBYTE

ROOT = Path(__file__).parents[3]
MOST_OF_ENTRIES = 4 * MEBIBYTE
MOST_OF_BLOCKS = 20 * MEBIBYTE
"""A finished file is copied to its place in blocks of 8 MiB."""


@pytest.mark.parametrize(("name", "num_masks"), [("coco", 200_000), ("label-studio", 30_000)])
def test_an_export_of_many_masks_streams(name: str, num_masks: int, tmp_path: Path) -> None:
    """If they stayed, the annotations of coco would take 42 MB as text, and the regions of label-studio 13 MB."""
    command = [
        *(sys.executable, "-m", "tests.infra.exports.memory_by_sample"),
        *(name, str(num_masks // OBJECTS_OF_IMAGE), str(tmp_path)),
    ]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    while_writing, until_finished, while_reading = map(int, done.stdout.split())
    assert while_writing < MOST_OF_ENTRIES
    assert until_finished < MOST_OF_BLOCKS
    assert while_reading < MOST_OF_ENTRIES
    assert sum(path.stat().st_size for path in tmp_path.iterdir()) > 3 * MOST_OF_ENTRIES
