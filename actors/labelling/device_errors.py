"""What PyTorch raises about a GPU, as errors that say what to do."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import torch

from actors.errors import DeviceError, GpuMemoryError

# cuDNN, cuBLAS and their like raise a plain RuntimeError
_FROM_A_LIBRARY = re.compile(
    r"\b(CUDA|HIP|cuDNN|MIOpen)( driver| runtime)? error\b|\bCU[A-Z]+_STATUS_[A-Z_]+"
)


def is_device_error(error: BaseException) -> bool:
    """Whether the GPU has failed. Being out of memory is no such failure: PyTorch goes on after it."""
    if isinstance(error, torch.OutOfMemoryError):
        return False
    if isinstance(error, torch.AcceleratorError):
        return True
    return isinstance(error, RuntimeError) and _FROM_A_LIBRARY.search(str(error)) is not None


@contextmanager
def named_device_errors(where: str) -> Iterator[None]:
    """Raise GpuMemoryError or DeviceError for what the block raises about its GPU; `where` is `in shard a.tar`."""
    try:
        yield
    except torch.OutOfMemoryError:
        raise GpuMemoryError(
            f"the GPU's memory was too small {where}, even for one object at a time: give a smaller --zoom-size, "
            "fewer workers per GPU (--gpus-per-worker) or a larger GPU"
        ) from None
    except RuntimeError as error:
        if not is_device_error(error):
            raise
        reason = (str(error).strip() or type(error).__name__).splitlines()[0]
        raise DeviceError(f"the GPU failed {where}: {reason}") from error
