"""One run at a time holds the lease on a run directory, and a run that has lost it knows."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from infra.errors import LeaseError, StorageError
from infra.runs.held_lease import LEASE_FILE, HeldLease, held_lease
from infra.runs.lease import MARGIN, Lease
from infra.storage.files import Storage, join
from infra.strict_json import from_bytes, to_bytes
from tests.infra.overwriting import Overwriting
from tests.waiting import wait_until

STORAGE = Overwriting()


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    """Seconds instead of minutes; the margins stay."""
    monkeypatch.setattr("infra.runs.held_lease._SETTLE_SECONDS", 0.2)
    monkeypatch.setattr("infra.runs.held_lease._RENEW_SECONDS", 0.05)
    monkeypatch.setattr("infra.runs.held_lease._RETRY_SECONDS", 0.05)


def stored(folder: Path) -> Lease:
    return from_bytes(Lease, (folder / LEASE_FILE).read_bytes())


def store(folder: Path, deadline: datetime, owner: str = "other") -> None:
    lease = Lease(owner, "far-away", 7, deadline)
    STORAGE.write_bytes(join(str(folder), LEASE_FILE), to_bytes(lease))


def is_lost(lease: HeldLease) -> bool:
    try:
        lease.check()
    except LeaseError:
        return True
    return False


def test_a_second_run_is_refused_in_one_line_that_names_the_owner_the_deadline_and_the_remedy(
    tmp_path: Path,
) -> None:
    with held_lease(STORAGE, str(tmp_path)) as lease:
        with (
            pytest.raises(
                LeaseError,
                match=r"another run holds the lease .*lease\.json \(process \d+ on .*, until 20.* UTC\): "
                "wait until it has ended",
            ) as caught,
            held_lease(STORAGE, str(tmp_path)),
        ):
            pass
        assert "\n" not in str(caught.value)
        lease.check_stored()
    assert not (tmp_path / LEASE_FILE).exists(), "given back"
    with held_lease(STORAGE, str(tmp_path)):
        pass


def test_of_many_runs_that_find_it_free_at_once_one_has_it(tmp_path: Path) -> None:
    with ExitStack() as held:

        def is_taken(_: int) -> bool:
            try:
                held.enter_context(held_lease(Overwriting(), str(tmp_path)))
            except LeaseError:
                return False
            return True

        with ThreadPoolExecutor(6) as runs:
            assert sum(runs.map(is_taken, range(6))) == 1


def test_a_lease_is_renewed_as_long_as_it_is_held(tmp_path: Path) -> None:
    with held_lease(STORAGE, str(tmp_path)) as lease:
        first = stored(tmp_path)
        wait_until(lambda: stored(tmp_path).deadline > first.deadline)
        assert stored(tmp_path).owner == first.owner
        lease.check_stored()


def test_the_lease_of_a_killed_run_is_taken_a_margin_after_its_deadline_and_not_before(
    tmp_path: Path,
) -> None:
    store(tmp_path, datetime.now(UTC) - MARGIN + timedelta(seconds=5))
    with pytest.raises(LeaseError, match="process 7 on far-away"), held_lease(STORAGE, str(tmp_path)):
        pass
    assert stored(tmp_path).owner == "other"
    store(tmp_path, datetime.now(UTC) - MARGIN)
    with held_lease(STORAGE, str(tmp_path)) as lease:
        lease.check_stored()


def test_a_run_whose_lease_was_taken_over_stops_and_leaves_the_others_lease_alone(tmp_path: Path) -> None:
    with held_lease(STORAGE, str(tmp_path)) as lease:
        store(tmp_path, datetime.now(UTC) + timedelta(seconds=60))
        wait_until(lambda: is_lost(lease))
        with pytest.raises(LeaseError, match=r"another run has taken over .* nothing more is committed"):
            lease.check_stored()
    assert stored(tmp_path).owner == "other"


def test_a_run_whose_lease_was_deleted_by_hand_stops(tmp_path: Path) -> None:
    with held_lease(STORAGE, str(tmp_path)) as lease:

        def is_noticed() -> bool:
            (tmp_path / LEASE_FILE).unlink(missing_ok=True)  # a renewal under way may put it back once
            return is_lost(lease)

        wait_until(is_noticed)
        with pytest.raises(LeaseError, match="was deleted while this run held it"):
            lease.check()


def test_a_run_that_cannot_renew_stops_in_time_and_one_that_can_again_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Flaky(Overwriting):
        is_down = False
        num_refused = 0

        def write_bytes(self, url: str, data: bytes) -> None:
            if self.is_down:
                self.num_refused += 1
                raise StorageError("503 SlowDown")
            super().write_bytes(url, data)

    storage = Flaky()
    with held_lease(storage, str(tmp_path)) as lease:
        storage.is_down = True
        wait_until(lambda: storage.num_refused > 1)
        before = stored(tmp_path).deadline
        storage.is_down = False
        wait_until(lambda: stored(tmp_path).deadline > before)
        lease.check()
        monkeypatch.setattr("infra.runs.lease.TERM", MARGIN + timedelta(seconds=1))
        wait_until(lambda: stored(tmp_path).deadline < datetime.now(UTC) + MARGIN + timedelta(seconds=1))
        storage.is_down = True
        wait_until(lambda: is_lost(lease))
        assert datetime.now(UTC) < stored(tmp_path).deadline, "long before anyone may take it"
        with pytest.raises(LeaseError, match="was not renewed in time"):
            lease.check()


def test_a_storage_that_takes_too_long_to_take_the_lease_is_refused(tmp_path: Path) -> None:
    class Slow(Overwriting):
        def write_bytes(self, url: str, data: bytes) -> None:
            time.sleep(0.3)
            super().write_bytes(url, data)

    with pytest.raises(StorageError, match="try again when the storage is faster"):  # noqa: SIM117
        with held_lease(Slow(), str(tmp_path)):
            pass
    assert not (tmp_path / LEASE_FILE).exists()


def test_what_is_no_lease_is_named(tmp_path: Path) -> None:
    (tmp_path / LEASE_FILE).write_bytes(b"{}")
    with pytest.raises(LeaseError, match=r"lease\.json is no lease of this version"):  # noqa: SIM117
        with held_lease(Storage(), str(tmp_path)):
            pass
