"""The batch size that a device's memory holds, found by trying."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch

USUAL_BATCH_SIZE = 8
"""Where memory sets no limit: sessions that take turns on a CPU, and those of models that run them alone."""

_LARGEST = 64  # a GPU is full long before, and every session in flight holds its image
_SHARE_OF_FREE_MEMORY = (
    0.5  # the other half is for images, maps, answers on their way, and crops of other shapes
)


class DeviceMemory(Protocol):
    """What is asked of a device, in bytes."""

    def free(self) -> int:
        """What this process may still take."""

    def most_used(self) -> int:
        """The most that this process has held at once since it was last asked, or since the process began."""


def fitting_batch_size(run_batch: Callable[[int], object], memory: DeviceMemory) -> int:
    """Double the number of sessions in a batch until they take half of the free memory, or until they are enough.

    Args:
        run_batch: runs a batch of so many sessions; raises torch.OutOfMemoryError if it does not fit.
        memory: of the device.

    Returns:
        1, 2, 4, ... 64; 1 also if not even one session fits: the engine says so when it meets it.
    """
    memory.most_used()  # what was there before is not of these batches
    most = memory.most_used() + _SHARE_OF_FREE_MEMORY * memory.free()
    size = 1
    while size <= _LARGEST:
        try:
            run_batch(size)
        except torch.OutOfMemoryError:
            break
        if memory.most_used() > most:
            break
        size *= 2
    return max(1, size // 2)


@dataclass(frozen=True)
class CudaMemory:
    """See `DeviceMemory`."""

    device: torch.device

    def free(self) -> int:
        """See DeviceMemory: workers on one GPU have a fraction of it each, and PyTorch keeps what it is given back."""
        index = self.device.index  # None: the present one; not all of these functions take `cuda` for it
        free, total = torch.cuda.mem_get_info(index)
        share = int(torch.cuda.get_per_process_memory_fraction(index) * total)
        held, used = torch.cuda.memory_reserved(index), torch.cuda.memory_allocated(index)
        return max(0, min(free + held, share) - used)

    def most_used(self) -> int:
        """See DeviceMemory."""
        used = torch.cuda.max_memory_allocated(self.device.index)
        torch.cuda.reset_peak_memory_stats(self.device.index)
        return used
