"""A run that is killed between any two of its steps on the file system ends, resumed, in the same rows."""

from __future__ import annotations

import shutil
import signal
from collections import Counter
from pathlib import Path

import pytest

from infra.runs.run_directory import RunDirectory
from infra.storage.files import Storage
from tests.actors.shapes import rows_of
from tests.faults.driver import tables_and_named_parts, write_small_dataset
from tests.faults.killed_driver import drive
from tests.quick_processes import quick_processes

STORAGE = Storage()
SECONDS = 60


def life_of(folder: Path, kill_at: int | None, count_file: Path | None = None) -> int:
    """Run one driver and return its exit code."""
    process = quick_processes().Process(
        target=drive, args=(str(folder), kill_at, count_file and str(count_file))
    )
    process.start()
    process.join(SECONDS)
    assert process.exitcode is not None, f"the driver hangs when it is killed at step {kill_at}"
    code: int = process.exitcode
    return code


@pytest.mark.slow
def test_a_kill_between_any_two_steps_loses_nothing_and_doubles_nothing(
    tmp_path: Path, tally: Counter[str]
) -> None:
    whole = tmp_path / "whole"
    write_small_dataset(str(whole / "data"), STORAGE)
    assert life_of(whole, None, tmp_path / "count") == 0
    expected = rows_of(RunDirectory(str(whole / "run"), STORAGE))
    num_steps = int((tmp_path / "count").read_text())
    assert num_steps > 30, "run.json and two shards of four files, several steps each"
    for step in range(num_steps):
        folder = tmp_path / "killed"
        shutil.copytree(whole / "data", folder / "data")
        assert life_of(folder, step) == -signal.SIGKILL
        run = RunDirectory(str(folder / "run"), STORAGE)
        if (folder / "run" / "run.json").exists():
            rows = rows_of(run)  # readable at once, and what it holds is right
            assert all(row in expected[table] for table in expected for row in rows[table])
        assert life_of(folder, None) == 0
        assert rows_of(run) == expected, f"killed before step {step} of {num_steps}"
        there, named = tables_and_named_parts(run)
        assert there == named
        shutil.rmtree(folder)
        tally["kill points"] += 1
