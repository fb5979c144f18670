"""Reading a training stream: which sample stands at a number, and which in its stead."""

from __future__ import annotations

from dataclasses import replace
from itertools import islice
from pathlib import Path

import pytest
import torch

from actors.training.crop import crop_of
from actors.training.job import TrainingPool, TrainJob
from actors.training.loader import Share, training_batches
from actors.training.reader import SampleReader
from infra.errors import DatasetError
from infra.shards.manifest import load_manifest
from infra.shards.shard_writer import write_dataset
from infra.storage.files import Storage
from mfp.errors import TrainingError
from mfp.training.augment_settings import AugmentSettings
from mfp.training.sample_order import Place, SampleOrder
from tests.process_tree import descendants, is_running, title
from tests.quick_processes import quick_processes
from tests.training_jobs import bright_object, changed_job, small_job, write_bright_objects
from tests.waiting import wait_until

CPU = torch.device("cpu")
VIEWS = AugmentSettings(crop_size=(64, 64))


def _pool(url: str) -> TrainingPool:
    return TrainingPool((load_manifest(Storage(), url),), 1.0)


def test_every_number_gives_the_sample_at_its_place(tmp_path: Path) -> None:
    pool = _pool(write_bright_objects(str(tmp_path), number=13, per_shard=5))
    reader = SampleReader((pool,), Storage(), smallest_object=80)
    order = SampleOrder([pool.shard_sizes], [1.0], 0)
    for place in islice(order.places(0), 3 * 13):
        sample = reader.read(place)
        assert sample is not None
        assert sample.key == f"s/{place.shard * 5 + place.sample:03d}"


def _place(sample: int) -> Place:
    return Place(pool=0, lane=0, shard=0, block=0, sample=sample)


def test_a_sample_without_a_usable_object_is_replaced_by_its_neighbour_whoever_reads_it(
    tmp_path: Path,
) -> None:
    samples = [bright_object(index, with_object=index in {2, 4}) for index in range(6)]
    write_dataset(samples, str(tmp_path), Storage())
    pool = _pool(str(tmp_path))
    everything = SampleReader((pool,), Storage(), smallest_object=80)
    found = [everything.read(_place(index)) for index in range(6)]
    assert [sample and sample.key for sample in found] == [
        "s/002",
        "s/002",
        "s/002",
        "s/002",
        "s/004",
        "s/004",
    ]
    for index in (1, 5):  # a reader that reads nothing else
        alone = SampleReader((pool,), Storage(), smallest_object=80).read(_place(index))
        assert alone is not None
        assert found[index] is not None
        assert alone.key == found[index].key  # type: ignore[union-attr]
    assert SampleReader((pool,), Storage(), smallest_object=10_000).read(_place(0)) is None


def test_a_shard_with_fewer_samples_than_its_manifest_says_is_named(tmp_path: Path) -> None:
    pool = _pool(write_bright_objects(str(tmp_path), number=3))
    reader = SampleReader((pool,), Storage(), smallest_object=80)
    with pytest.raises(DatasetError, match=r"shard-000000\.tar holds fewer samples"):
        reader.read(_place(3))


@pytest.mark.parametrize("first", [1, 7, 9])  # 7 and 9 lie in the second epoch
def test_batches_taken_up_in_the_middle_are_those_of_an_undisturbed_stream(
    tmp_path: Path, first: int
) -> None:
    job = small_job(write_bright_objects(str(tmp_path / "data")), tmp_path / "run")
    whole = list(islice(training_batches(job, Share(0, 1, 0), CPU), 10))
    batch = next(training_batches(job, Share(0, 1, first), CPU))
    assert torch.equal(batch.image, whole[first].image)
    assert torch.equal(batch.label, whole[first].label)


@pytest.mark.parametrize("num_workers", [2, 3])
def test_workers_together_compute_the_batches_of_one(tmp_path: Path, num_workers: int) -> None:
    job = small_job(write_bright_objects(str(tmp_path / "data")), tmp_path / "run", batch_size=5)
    whole = list(islice(training_batches(job, Share(0, 1, 0), CPU), 4))
    shares = [
        list(islice(training_batches(job, Share(rank, num_workers, 0), CPU), 4))
        for rank in range(num_workers)
    ]
    for batch_idx, batch in enumerate(whole):
        for rank in range(num_workers):
            assert torch.equal(shares[rank][batch_idx].image, batch.image[rank::num_workers])
            assert torch.equal(shares[rank][batch_idx].label, batch.label[rank::num_workers])


def test_processes_of_their_own_make_the_same_batches(tmp_path: Path) -> None:
    job = small_job(write_bright_objects(str(tmp_path / "data")), tmp_path / "run")
    here = list(islice(training_batches(job, Share(0, 1, 0), CPU), 3))
    elsewhere = list(islice(training_batches(changed_job(job, loader_workers=2), Share(0, 1, 0), CPU), 3))
    assert all(torch.equal(one.image, other.image) for one, other in zip(here, elsewhere, strict=True))


def _read_for_ever(job: TrainJob, has_begun: Path) -> None:
    for _ in training_batches(job, Share(0, 1, 0), CPU):
        has_begun.touch()


def _loader_processes(worker: int) -> set[int]:
    """Those of a worker's children that a loader has spawned, be they ready or not."""
    return {pid for pid in descendants(worker) if "spawn_main" in title(pid)}


@pytest.mark.parametrize("has_batches", [False, True], ids=["while they start", "while they work"])
def test_loader_processes_end_with_the_worker_that_is_killed(tmp_path: Path, has_batches: bool) -> None:
    job = small_job(write_bright_objects(str(tmp_path / "data")), tmp_path / "run")
    worker = quick_processes().Process(
        target=_read_for_ever, args=(changed_job(job, loader_workers=2), tmp_path / "has-begun")
    )
    worker.start()
    pid = worker.pid
    assert pid is not None
    wait_until(lambda: len(_loader_processes(pid)) == 2)
    if has_batches:
        wait_until((tmp_path / "has-begun").exists)
    started = descendants(pid)
    worker.kill()
    wait_until(lambda: not any(map(is_running, started)))


def test_an_image_that_does_not_decode_leaves_a_blank_of_no_weight_and_the_numbers_after_it() -> None:
    good = bright_object(0)
    broken = replace(good, image_bytes=good.image_bytes[: len(good.image_bytes) // 2])
    blank = crop_of(broken, 7, 0, VIEWS)
    assert blank.weight == 0.0
    assert (blank.label == 1).any()
    assert crop_of(None, 7, 0, VIEWS).weight == 0.0
    assert crop_of(good, 7, 0, VIEWS).weight == 1.0


def test_a_samples_weight_is_its_attribute() -> None:
    assert crop_of(bright_object(0, attributes={"weight": 0.25}), 0, 0, VIEWS).weight == 0.25
    for wrong in (10**400, "heavy", -1, True, float("inf")):
        with pytest.raises(TrainingError, match=r"sample 's/000': its attribute 'weight' is .*; it must be"):
            crop_of(bright_object(0, attributes={"weight": wrong}), 0, 0, VIEWS)
