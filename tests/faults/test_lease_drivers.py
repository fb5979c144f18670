"""Drivers on a storage that ignores create-only puts: one at a time, and one that was cut off commits nothing."""

from __future__ import annotations

import itertools
import shutil
import signal
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import pytest

from infra.errors import LeaseError
from infra.runs.held_lease import LEASE_FILE
from infra.runs.lease import MARGIN, Lease
from infra.runs.run_directory import RunDirectory
from infra.strict_json import from_bytes, to_bytes
from tests.actors.shapes import rows_of
from tests.faults.driver import do_what_is_missing, tables_and_named_parts, write_small_dataset
from tests.faults.killed_driver import drive_under_a_lease
from tests.infra.overwriting import Overwriting
from tests.quick_processes import quick_processes
from tests.waiting import HANGS

STORAGE = Overwriting()
KILLS = range(5, 60, 18)


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("infra.runs.held_lease._SETTLE_SECONDS", 0.5)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with a data set, and the run of it that nothing disturbed."""
    folder = tmp_path_factory.mktemp("whole")
    write_small_dataset(str(folder / "data"), STORAGE)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("infra.runs.held_lease._SETTLE_SECONDS", 0.5)
        drive(folder)
    return folder


def drive(folder: Path, storage: Overwriting = STORAGE) -> None:
    do_what_is_missing(str(folder / "run"), str(folder / "data"), storage, itertools.count(1))


def run_of(folder: Path) -> RunDirectory:
    return RunDirectory(str(folder / "run"), STORAGE)


def copy_of_data(whole: Path, folder: Path) -> Path:
    shutil.copytree(whole / "data", folder / "data")
    return folder


def let_the_lease_run_out(folder: Path) -> None:
    path = folder / "run" / LEASE_FILE
    lease = from_bytes(Lease, path.read_bytes())
    path.write_bytes(to_bytes(replace(lease, deadline=datetime.now(UTC) - MARGIN)))


def check_is_whole(folder: Path, whole: Path) -> None:
    assert rows_of(run_of(folder)) == rows_of(run_of(whole))
    there, named = tables_and_named_parts(run_of(folder))
    assert there == named
    assert not (folder / "run" / LEASE_FILE).exists()


def test_of_two_drivers_at_once_one_is_refused_and_the_other_does_the_run(
    whole: Path, tmp_path: Path
) -> None:
    folder = copy_of_data(whole, tmp_path)
    start = threading.Barrier(2)

    def is_refused(_: int) -> bool:
        start.wait()
        try:
            drive(folder, Overwriting())
        except LeaseError:
            return True
        return False

    with ThreadPoolExecutor(2) as drivers:
        assert sorted(drivers.map(is_refused, range(2))) == [False, True]
    check_is_whole(folder, whole)


def test_a_killed_drivers_run_goes_on_when_its_lease_has_run_out_and_not_before(
    whole: Path, tmp_path: Path
) -> None:
    for step in KILLS:
        folder = copy_of_data(whole, tmp_path / str(step))
        killed = quick_processes().Process(target=drive_under_a_lease, args=(str(folder), step))
        killed.start()
        killed.join(HANGS)
        assert killed.exitcode == -signal.SIGKILL
        if (folder / "run" / LEASE_FILE).exists():
            with pytest.raises(
                LeaseError, match=rf"another run holds the lease .* \(process {killed.pid} on "
            ):
                drive(folder)
            let_the_lease_run_out(folder)
        drive(folder)
        check_is_whole(folder, whole)


def test_a_driver_that_comes_back_after_its_lease_was_taken_over_commits_nothing(
    whole: Path, tmp_path: Path
) -> None:
    class Stopped(Overwriting):
        """Stands still before the last part of the first shard, as a process that is stopped or cut off."""

        def __init__(self) -> None:
            super().__init__()
            self.has_stopped, self.may_go_on = threading.Event(), threading.Event()

        def write_file(self, url: str, source: Path) -> None:
            if "/errors/" in url:
                self.has_stopped.set()
                assert self.may_go_on.wait(HANGS)
            super().write_file(url, source)

    folder, storage = copy_of_data(whole, tmp_path), Stopped()
    with ThreadPoolExecutor(1) as drivers:
        stopped = drivers.submit(drive, folder, storage)
        try:
            assert storage.has_stopped.wait(HANGS)
            let_the_lease_run_out(folder)
            drive(folder)
            records = {path: path.read_bytes() for path in (folder / "run/commits").iterdir()}
        finally:
            storage.may_go_on.set()
        with pytest.raises(LeaseError, match=r"lease\.json was deleted while this run held it"):
            stopped.result(HANGS)
    assert {path: path.read_bytes() for path in (folder / "run/commits").iterdir()} == records
    assert rows_of(run_of(folder)) == rows_of(run_of(whole))
    run_of(folder).delete_orphans()
    check_is_whole(folder, whole)
