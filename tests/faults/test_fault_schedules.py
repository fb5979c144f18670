"""Whatever deaths and storage errors a run meets: resumed until done, it holds the rows of an undisturbed one."""

from __future__ import annotations

import contextlib
import itertools
from collections import Counter
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime

import pytest

from actors.labelling.shard_labeller import ReadShard
from infra.errors import InfraError, LeaseError
from infra.runs.held_lease import LEASE_FILE
from infra.runs.lease import MARGIN, Lease
from infra.runs.run_directory import RunDirectory
from infra.shards.manifest import ShardEntry
from infra.shards.sample_document import ShardItem
from infra.shards.shard_note import ShardNote
from infra.storage.files import Storage
from infra.strict_json import from_bytes, to_bytes
from tests.actors.shapes import rows_of
from tests.faults.driver import do_what_is_missing, tables_and_named_parts, write_small_dataset
from tests.faults.faulty_store import PROTOCOL, Death, Fault, FaultyFileSystem, World

FAULT_RATE = 0.15
FAULT_RATE_UNDER_A_LEASE = 0.08  # it takes more operations to come to a commit
MOST_RESUMES = 400
STORAGE = Storage()


class ProcessGoneError(Exception):
    """A thread of a worker met its Death."""


@pytest.fixture(scope="module")
def dataset_files() -> Iterator[dict[str, bytes]]:
    """The files of a small data set, by path below its world."""
    FaultyFileSystem.worlds["calm"] = world = World(seed=0)
    write_small_dataset(url("calm", "data"), STORAGE)
    yield {path.removeprefix("calm/"): data for path, data in world.files.items()}
    del FaultyFileSystem.worlds["calm"]


@pytest.fixture(scope="module")
def expected(dataset_files: dict[str, bytes]) -> dict[str, list[dict[str, object]]]:
    """The rows of the undisturbed run."""
    with world_of("undisturbed", 0, dataset_files):
        assert run_until_done("undisturbed") == 0
        return rows_of(RunDirectory(url("undisturbed", "run"), STORAGE))


def url(world: str, path: str) -> str:
    return f"{PROTOCOL}://{world}/{path}"


@contextlib.contextmanager
def world_of(
    name: str, seed: int, files: dict[str, bytes], *, honours_condition: bool = True
) -> Iterator[World]:
    world = World(seed, honours_condition=honours_condition)
    for path, data in files.items():
        world.put(f"{name}/{path}", data)
    FaultyFileSystem.worlds[name] = world
    try:
        yield world
    finally:
        del FaultyFileSystem.worlds[name]


def run_until_done(world: str) -> int:
    """Start drivers until one gets to its end; returns how often one had to be started again."""
    attempts = itertools.count(1)
    for resume in range(MOST_RESUMES):
        try:
            do_what_is_missing(url(world, "run"), url(world, "data"), STORAGE, attempts, or_be_gone)
            return resume
        except LeaseError:
            do_as_the_refusal_says(FaultyFileSystem.worlds[world].files, f"{world}/run/{LEASE_FILE}")
        except (Death, ProcessGoneError, InfraError):
            continue
    raise AssertionError(f"not done after {MOST_RESUMES} resumes")


def do_as_the_refusal_says(files: dict[str, bytes], path: str) -> None:
    """Wait until whoever left the lease is taken for dead (the deadline moves, not the clock), or delete a torn one."""
    data = files.pop(path, b"")
    with contextlib.suppress(ValueError):
        files[path] = to_bytes(replace(from_bytes(Lease, data), deadline=datetime.now(UTC) - MARGIN))


def or_be_gone(read: ReadShard) -> ReadShard:
    """Death in the reader's thread, which would end that thread alone, ends the worker."""

    def read_shard(shard: ShardEntry) -> Iterator[ShardItem | ShardNote]:
        try:
            yield from read(shard)
        except Death as error:
            raise ProcessGoneError(str(error)) from None

    return read_shard


def check_schedule(
    seed: int,
    files: dict[str, bytes],
    expected: dict[str, list[dict[str, object]]],
    tally: Counter[str],
    *,
    honours_condition: bool = True,
) -> None:
    name = f"seed-{seed}"
    with world_of(name, seed, files, honours_condition=honours_condition) as world:
        world.rate = FAULT_RATE if honours_condition else FAULT_RATE_UNDER_A_LEASE
        num_resumes = run_until_done(name)
        world.rate = 0.0
        story = (
            f"{len(world.met)} faults, {num_resumes} resumes; again: "
            f"pytest tests/faults/test_fault_schedules.py --fault-seeds {seed}:{seed + 1}"
        )
        run = RunDirectory(url(name, "run"), STORAGE)
        assert rows_of(run) == expected, story
        run.delete_orphans()
        there, named = tables_and_named_parts(run)
        assert there == named, story
    under = "" if honours_condition else " under a lease"
    tally[f"fault schedules{under}"] += 1
    tally[f"faults met{under}"] += len(world.met)
    tally[f"resumes{under}"] += num_resumes


def test_any_schedule_of_faults_ends_in_the_rows_of_an_undisturbed_run(
    fault_seed: int,
    dataset_files: dict[str, bytes],
    expected: dict[str, list[dict[str, object]]],
    tally: Counter[str],
) -> None:
    check_schedule(fault_seed, dataset_files, expected, tally)


def test_so_it_does_on_a_store_that_ignores_the_condition_under_a_lease(
    lease_seed: int,
    dataset_files: dict[str, bytes],
    expected: dict[str, list[dict[str, object]]],
    tally: Counter[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("infra.runs.held_lease._SETTLE_SECONDS", 0.02)
    check_schedule(lease_seed, dataset_files, expected, tally, honours_condition=False)


def test_the_schedules_hold_faults_of_every_kind(dataset_files: dict[str, bytes]) -> None:
    met: set[Fault] = set()
    for seed in range(12):
        with world_of("kinds", seed, dataset_files) as world:
            world.rate = FAULT_RATE
            run_until_done("kinds")
            met |= {fault for *_, fault in world.met}
    assert met == set(Fault)
