"""Copies between host and GPU: whole, in order, and not held up by what comes after them."""

from __future__ import annotations

import time

import numpy as np
import pytest
import torch

from mfp.transfers import CudaTransfers, to_device

pytestmark = pytest.mark.gpu

CUDA = torch.device("cuda")
SLEEP = 2 * 10**9  # cycles of the GPU's clock, about a second


def test_what_goes_there_comes_back() -> None:
    transfers = CudaTransfers(CUDA)
    rng = np.random.default_rng(0)
    for array in (
        rng.integers(0, 256, (333, 500, 3), np.uint8),
        rng.random((64, 48)).astype(np.float32),
        rng.random((20, 30)) < 0.5,
        rng.random((50, 40)).astype(np.float32)[::2, 5:],
    ):
        tensor = transfers.upload(array)
        assert tensor.is_cuda
        (back,) = transfers.mark().download([tensor]).wait()
        assert back.dtype == array.dtype
        assert np.array_equal(back, array)


def test_a_read_only_image_is_taken() -> None:
    image = np.zeros((4, 5, 3), np.uint8)
    image.flags.writeable = False
    assert CudaTransfers(CUDA).upload(image).shape == (4, 5, 3)


def test_a_download_waits_for_its_moment_and_not_for_the_work_behind_it() -> None:
    transfers = CudaTransfers(CUDA)
    numbers = torch.zeros(1000, device=CUDA)
    torch.cuda.synchronize()
    torch.cuda._sleep(SLEEP // 4)  # type: ignore[no-untyped-call]
    numbers.add_(1)
    done = transfers.mark()
    torch.cuda._sleep(SLEEP)  # type: ignore[no-untyped-call]
    arrival = done.download([numbers])
    started = time.perf_counter()
    (array,) = arrival.wait()
    waited = time.perf_counter() - started
    torch.cuda.synchronize()
    in_all = time.perf_counter() - started
    assert (array == 1).all()
    assert waited < 0.6 * in_all


def test_work_handed_over_after_an_upload_finds_it() -> None:
    transfers = CudaTransfers(CUDA)
    array = np.arange(10**7, dtype=np.float32)
    total = transfers.upload(array).double().sum()
    assert float(total) == float(array.astype(np.float64).sum())


def test_memory_of_an_upload_is_not_given_away_while_it_is_worked_on() -> None:
    """The tensor is dropped while the work that reads it still waits for its turn."""
    transfers = CudaTransfers(CUDA)
    torch.cuda._sleep(SLEEP // 4)  # type: ignore[no-untyped-call]
    kept = transfers.upload(np.full(10**6, 7, np.float32)) * 1
    for _ in range(8):
        transfers.upload(np.full(10**6, 1, np.float32))
    assert bool((kept == 7).all())


def test_filling_comes_in_the_order_of_the_work() -> None:
    transfers = CudaTransfers(CUDA)
    tensor = torch.zeros(100, dtype=torch.bool, device=CUDA)
    before = tensor.clone()
    transfers.fill(tensor, np.ones(100, np.bool_))
    after = tensor.clone()
    assert not before.any()
    assert after.all()


def test_a_tensor_of_the_host_is_copied_once() -> None:
    table = torch.rand(5, 7)
    assert torch.equal(to_device(table, CUDA).cpu(), table)
    assert to_device(table, torch.device("cpu")) is table
