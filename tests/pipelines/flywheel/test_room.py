"""Labelling and training need room at the same time, and a person hears of it before the start."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from actors.errors import ClusterError
from actors.ray_session import Cluster
from actors.specs.flywheel import FlywheelSpec
from mfp.engine_settings import Device
from pipelines.jobs.flywheel.room import check_room, fit_on
from tests.specs import flywheel_spec


def asked(label: int = 1, train: int = 1, device: Device = "auto", **each: float) -> FlywheelSpec:
    """So many workers; `each` says what one of them takes."""
    return flywheel_spec(
        unlabelled="u",
        train_on=("t",),
        evaluation="e",
        out="o",
        label_workers=str(label),
        train_workers=str(train),
        device=device,
        **each,
    )


def test_one_gpu_is_not_enough_for_two_workers_that_take_a_whole_one_each() -> None:
    one = Cluster(is_local=True, num_cpus=8, num_gpus=1)
    with pytest.raises(ClusterError) as raised:
        check_room(asked(), one)
    assert str(raised.value) == (
        "1 workers that label and 1 that train do not fit on the 1 GPU of this machine, each of them on one: ask for "
        "fewer, or smaller ones (--gpus-per-worker 0.5)"
    )
    shared = asked(gpus_per_worker=0.5)
    assert check_room(shared, one) == "", "the remedy that is named is one"


@pytest.mark.parametrize("device", ["cpu", "auto"])
def test_without_a_gpu_or_a_wish_for_one_none_is_needed(device: Device) -> None:
    num_gpus = 1.0 if device == "cpu" else 0.0
    cluster = Cluster(is_local=True, num_cpus=8, num_gpus=num_gpus)
    assert check_room(asked(4, 2, device), cluster) == ""


def test_cores_are_counted_together_with_a_remedy_that_fits() -> None:
    two = Cluster(is_local=True, num_cpus=2, num_gpus=0)
    with pytest.raises(ClusterError, match=r"need 3 CPU together, .* \(--cpus-per-worker 0\.66\)"):
        check_room(asked(2), two)
    assert check_room(asked(2, cpus_per_worker=0.66), two) == ""


def test_a_cluster_that_may_grow_is_told_and_not_refused() -> None:
    cluster = Cluster(is_local=False, num_cpus=16, num_gpus=1)
    told = check_room(asked(), cluster)
    assert told.startswith("unless the cluster grows, this waits for ever: 1 workers that label")


def test_a_share_lies_on_one_gpu() -> None:
    """Three of 0.6 are 1.8 of two GPUs, and only two of them find a place."""
    two = Cluster(is_local=True, num_cpus=8, num_gpus=2)
    with pytest.raises(ClusterError, match=r"do not fit on the 2 GPU .* \(--gpus-per-worker 0\.5\)"):
        check_room(asked(2, gpus_per_worker=0.6), two)
    assert check_room(asked(2, gpus_per_worker=0.5), two) == ""


def test_a_gpu_that_is_asked_for_and_not_there_has_another_remedy() -> None:
    none = Cluster(is_local=True, num_cpus=8, num_gpus=0)
    with pytest.raises(
        ClusterError, match="the 0 GPU of this machine, each of them on one: give --device cpu"
    ):
        check_room(asked(device="cuda"), none)


@given(num_gpus=st.integers(1, 6), num_workers=st.integers(2, 20))
def test_the_share_that_is_advised_fits(num_gpus: int, num_workers: int) -> None:
    cluster = Cluster(is_local=True, num_cpus=100, num_gpus=num_gpus)
    try:
        check_room(asked(num_workers - 1), cluster)
    except ClusterError as error:
        share = float(str(error).rpartition("--gpus-per-worker ")[2].rstrip(")"))
        assert fit_on([share] * num_workers, num_gpus)
    else:
        assert num_workers <= num_gpus
