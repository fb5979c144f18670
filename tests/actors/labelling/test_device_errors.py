from __future__ import annotations

import pytest
import torch

from actors.errors import DeviceError, GpuMemoryError
from actors.labelling.device_errors import is_device_error, named_device_errors


@pytest.mark.parametrize(
    "error",
    [
        torch.AcceleratorError("CUDA error: an illegal memory access was encountered"),
        RuntimeError("CUDA error: device-side assert triggered\nCUDA kernel errors might be reported later"),
        RuntimeError("cuDNN error: CUDNN_STATUS_EXECUTION_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("CUDA driver error: unknown error"),
        RuntimeError("HIP error: unspecified launch failure"),
    ],
)
def test_a_failed_gpu_is_told_in_one_line_whatever_reports_it(error: RuntimeError) -> None:
    assert is_device_error(error)
    with pytest.raises(DeviceError) as caught, named_device_errors("in shard a.tar"):
        raise error
    assert str(caught.value) == f"the GPU failed in shard a.tar: {str(error).splitlines()[0]}"


@pytest.mark.parametrize(
    "error",
    [
        RuntimeError("mat1 and mat2 shapes cannot be multiplied"),
        RuntimeError("Expected all tensors to be on the same device, cuda:0 and cpu"),
        ValueError("CUDA error: this is no error of PyTorch"),
        MemoryError(),
    ],
)
def test_other_errors_are_left_as_they_are(error: Exception) -> None:
    with pytest.raises(type(error)) as caught, named_device_errors("in shard a.tar"):
        raise error
    assert caught.value is error


def test_being_out_of_memory_says_what_to_do() -> None:
    with (
        pytest.raises(GpuMemoryError, match=r"too small in shard a\.tar, .* --zoom-size"),
        named_device_errors("in shard a.tar"),
    ):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB")
