"""Pixels and numbers on their way between the host and a device that works beside it, without waiting for one another.

A copy waits for nothing only if its end on the host is pinned memory; from other memory CUDA copies in the caller's
time. Pinned blocks come from PyTorch's cache, which gives none out again before the copies that use it are over.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor


class Arrival(Protocol):
    """Tensors on their way to the host."""

    def wait(self) -> list[npt.NDArray[Any]]:
        """The arrays, once they are there."""


class Moment(Protocol):
    """When all is done that was handed to the device before."""

    def download(self, tensors: Sequence[Tensor]) -> Arrival:
        """Copy tensors to the host once the moment has come, beside the work that follows it.

        Nobody changes them before they have arrived.
        """


class Transfers(Protocol):
    """The ways between the host and one device."""

    @property
    def device(self) -> torch.device:
        """Where uploads go."""

    def upload(self, array: npt.NDArray[Any]) -> Tensor:
        """A copy on the device, for the work that the caller hands to it from now on."""

    def fill(self, tensor: Tensor, array: npt.NDArray[Any]) -> None:
        """Copy an array over a tensor of its shape and type, in the order of the device's work; takes no memory."""

    def mark(self) -> Moment:
        """The present moment."""


class _CudaArrival:
    def __init__(self, hosts: Sequence[Tensor], arrived: torch.cuda.Event) -> None:
        self._hosts = hosts
        self._arrived = arrived

    def wait(self) -> list[npt.NDArray[Any]]:
        """See Arrival."""
        self._arrived.synchronize()
        return [host.numpy() for host in self._hosts]


class _CudaMoment:
    def __init__(self, downloads: torch.cuda.Stream) -> None:
        self._downloads = downloads
        self._event = torch.cuda.Event()  # type: ignore[no-untyped-call]
        self._event.record(torch.cuda.current_stream(downloads.device))

    def download(self, tensors: Sequence[Tensor]) -> Arrival:
        """See Moment."""
        hosts = [torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True) for tensor in tensors]
        self._downloads.wait_event(self._event)
        with torch.cuda.stream(self._downloads):
            for host, tensor in zip(hosts, tensors, strict=True):
                host.copy_(tensor, non_blocking=True)
                tensor.record_stream(
                    self._downloads
                )  # its memory is not given out again before the copy is over
        # a host that waits leaves its core to the threads that read and decode
        arrived = torch.cuda.Event(blocking=True)  # type: ignore[no-untyped-call]
        arrived.record(self._downloads)
        return _CudaArrival(hosts, arrived)


class CudaTransfers:
    """Transfers of one CUDA device. Copies run in streams of their own, one each way, beside the current one."""

    def __init__(self, device: torch.device) -> None:
        self.device = device
        self._uploads = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]
        self._downloads = torch.cuda.Stream(device)  # type: ignore[no-untyped-call]

    def upload(self, array: npt.NDArray[Any]) -> Tensor:
        """See Transfers."""
        with torch.cuda.stream(self._uploads):
            tensor = _pinned(array).to(self.device, non_blocking=True)
        current = torch.cuda.current_stream(self.device)
        current.wait_stream(self._uploads)
        tensor.record_stream(current)  # made in the other stream, used in this one
        return tensor

    def fill(self, tensor: Tensor, array: npt.NDArray[Any]) -> None:
        """See Transfers."""
        tensor.copy_(_pinned(array), non_blocking=True)

    def mark(self) -> Moment:
        """See Transfers."""
        return _CudaMoment(self._downloads)


def to_device(tensor: Tensor, device: torch.device) -> Tensor:
    """A tensor of the host as the device has it: itself on the host, else a copy that nobody waits for."""
    if device.type == "cpu":
        return tensor
    pinned = torch.empty(tensor.shape, dtype=tensor.dtype, pin_memory=True).copy_(tensor)
    return pinned.to(device, non_blocking=True)


def _pinned(array: npt.NDArray[Any]) -> Tensor:
    """A copy in pinned memory, without gaps; the array may be read-only."""
    dtype = torch.from_numpy(np.empty(0, array.dtype)).dtype
    pinned = torch.empty(array.shape, dtype=dtype, pin_memory=True)
    np.copyto(pinned.numpy(), array)
    return pinned
