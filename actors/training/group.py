"""The workers of a training run as one of them sees the others: what is exchanged, and nothing if it is alone."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
import torch.distributed as dist
from torch import nn
from torch.nn.parallel import DistributedDataParallel

T = TypeVar("T")


@dataclass(frozen=True)
class TrainGroup:
    """One worker's place among `size` workers; with more than one, torch's default process group joins them."""

    rank: int
    size: int
    device: torch.device

    def joined(self, module: nn.Module) -> nn.Module:
        """The module with the weights of worker 0, its gradients averaged over the workers on the way back."""
        if self.size == 1:
            return module
        # Buffers are averaged once a step instead (`average_buffers`): the passes without gradient need them as well.
        return DistributedDataParallel(module, forward_sync_buffers=False, gradient_as_bucket_view=True)

    def exchanging(self, module: nn.Module, *, now: bool) -> AbstractContextManager[Any]:
        """The context of a forward and its backward: gradients stay here unless `now`."""
        if now or not isinstance(module, DistributedDataParallel):
            return nullcontext()
        return module.no_sync()

    def sums(self, values: Sequence[float]) -> list[float]:
        """Each value summed over the workers."""
        if self.size == 1:
            return list(values)
        tensor = torch.tensor(values, dtype=torch.float64, device=self.device)
        dist.all_reduce(tensor)
        return [float(value) for value in tensor]

    def average_buffers(self, network: nn.Module) -> None:
        """Give every worker the mean of all workers' floating buffers: the running statistics of BatchNorm.

        A worker normalises its own part of the batch, on CPUs and GPUs alike (SyncBatchNorm exists on GPUs only, and is
        not used); what evaluation will use is the same everywhere, so that a run that is taken up again goes on
        exactly.
        """
        if self.size == 1:
            return
        buffers = [buffer for buffer in network.buffers() if buffer.is_floating_point()]
        if not buffers:
            return
        flat = torch.cat([buffer.reshape(-1) for buffer in buffers])
        dist.all_reduce(flat)
        flat /= self.size
        offset = 0
        for buffer in buffers:
            buffer.copy_(flat[offset : offset + buffer.numel()].view_as(buffer))
            offset += buffer.numel()

    def gathered(self, value: T) -> list[T]:
        """The values of all workers, by rank."""
        if self.size == 1:
            return [value]
        values: list[Any] = [None] * self.size
        dist.all_gather_object(values, value)
        return values
