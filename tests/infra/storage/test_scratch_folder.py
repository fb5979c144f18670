"""Scratch folders: theirs alone while a process lives, gone after it however it ended."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from pathlib import Path

import pytest

from infra.errors import StorageError
from infra.storage.scratch_folder import ScratchFolder

MAKE_AND_WAIT = """
from infra.storage.scratch_folder import ScratchFolder
folder = ScratchFolder()
(folder.path / "masks.parquet").write_bytes(b"x")
print(folder.path, flush=True)
input()
"""


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    return tmp_path


def test_a_closed_folder_is_gone_with_its_files(place: Path) -> None:
    folder = ScratchFolder()
    (folder.path / "a").write_bytes(b"x")
    folder.close()
    assert list(place.iterdir()) == []


def test_what_a_killed_process_left_goes_when_the_next_folder_is_made_and_no_sooner(place: Path) -> None:
    command = [sys.executable, "-c", MAKE_AND_WAIT]
    environment = {"TMPDIR": str(place), "PYTHONPATH": str(Path.cwd())}
    with subprocess.Popen(command, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as owner:
        assert owner.stdout is not None
        theirs = Path(owner.stdout.readline().decode().strip())
        while_it_lives = ScratchFolder()
        assert (theirs / "masks.parquet").exists()
        owner.kill()
    afterwards = ScratchFolder()
    assert not theirs.exists()
    assert while_it_lives.path.exists()
    while_it_lives.close()
    afterwards.close()


def test_a_place_where_nothing_can_be_made_is_named(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    missing = place / "missing"
    monkeypatch.setattr(tempfile, "tempdir", str(missing))
    with pytest.raises(StorageError, match=f"cannot write {missing} .No such file or directory.: .* TMPDIR"):
        ScratchFolder()
