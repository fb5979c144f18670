"""A GPU that is not there: its work is checked for what would make the host wait, and is not done.

PyTorch's fake tensors know shapes, types and devices, and no values. What asks for a value raises, as does an operation
on tensors of two devices. What they let pass is refused here: copies that wait, and operations that wait inside.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
import torch
from torch import Tensor
from torch._subclasses.fake_tensor import FakeTensorMode
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils._pytree import tree_leaves

from mfp import crop_runner
from mfp.network import ModulatedNetwork

CUDA = torch.device("cuda", 0)
_WAITING = {"nonzero", "masked_select", "unique", "_unique2", "equal", "is_nonzero", "_local_scalar_dense"}
_INDEXING = {"index", "index_put", "index_put_", "_unsafe_index", "_index_put_impl_"}


class HiddenWaitError(AssertionError):
    """The host would wait for the device."""


class NoHiddenWaits(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Raises HiddenWaitError where an operation on a CUDA tensor would have the host wait for it. Counts the copies."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.num_copies = 0

    def __torch_dispatch__(
        self,
        func: Callable[..., Any],
        types: Sequence[type],
        args: Sequence[Any] = (),
        kwargs: Mapping[str, Any] | None = None,
    ) -> Any:
        kwargs = kwargs or {}
        if func.namespace != "aten":  # type: ignore[attr-defined]
            return func(*args, **kwargs)
        # in inference mode operations come whole that are made of others: see those
        with self:
            result = func.decompose(*args, **kwargs)  # type: ignore[attr-defined]
        if result is not NotImplemented:
            return result
        name = func._schema.name.removeprefix("aten::")  # type: ignore[attr-defined]
        tensors = [leaf for leaf in tree_leaves((args, kwargs)) if isinstance(leaf, Tensor)]
        if any(tensor.is_cuda for tensor in tensors):
            self._check(name, func, args, tensors)
        result = func(*args, **kwargs)
        if name in {"_to_copy", "copy_"} and self._crosses(name, args, result):
            self.num_copies += 1
            waits = not (args[2] if name == "copy_" and len(args) > 2 else kwargs.get("non_blocking", False))
            if waits:
                raise HiddenWaitError(f"{name} between host and device without non_blocking")
        return result

    def _check(
        self, name: str, func: Callable[..., Any], args: Sequence[Any], tensors: Sequence[Tensor]
    ) -> None:
        if name in _WAITING:
            raise HiddenWaitError(f"{name} waits for its result")
        if name in _INDEXING and any(
            leaf.dtype == torch.bool for leaf in tree_leaves(args[1]) if leaf is not None
        ):
            raise HiddenWaitError(f"{name} by a mask waits for the number of pixels in it")
        if name in _INDEXING | {"where"} and not all(tensor.is_cuda for tensor in tensors):
            raise HiddenWaitError(f"{name} copies a number of the host to the device, and waits for it")

    @staticmethod
    def _crosses(name: str, args: Sequence[Any], result: Any) -> bool:
        source = args[1] if name == "copy_" else args[0]
        return bool(source.device.type != result.device.type)


class MadeUpArrival:
    """Arrays of the right form: no fake tensor has values."""

    def __init__(self, tensors: Sequence[Tensor]) -> None:
        self._forms = [(tuple(tensor.shape), str(tensor.dtype).removeprefix("torch.")) for tensor in tensors]

    def wait(self) -> list[npt.NDArray[Any]]:
        return [np.ones(shape, dtype) for shape, dtype in self._forms]


class MadeUpMoment:
    def download(self, tensors: Sequence[Tensor]) -> MadeUpArrival:
        assert all(tensor.is_cuda for tensor in tensors)
        return MadeUpArrival(tensors)


class MadeUpTransfers:
    """Transfers of CUDA that copy nothing."""

    device = CUDA

    def upload(self, array: npt.NDArray[Any]) -> Tensor:
        return torch.empty(array.shape, dtype=torch.from_numpy(np.empty(0, array.dtype)).dtype, device=CUDA)

    def fill(self, tensor: Tensor, array: npt.NDArray[Any]) -> None:
        assert tensor.is_cuda
        assert tuple(tensor.shape) == array.shape

    def mark(self) -> MadeUpMoment:
        return MadeUpMoment()


@contextmanager
def made_up_gpu(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Inside, tensors on `cuda` can be made and worked with, and runners can be made for it."""
    with FakeTensorMode(allow_non_fake_inputs=True), monkeypatch.context() as patch:
        patch.setattr(crop_runner, "CudaTransfers", lambda device: MadeUpTransfers())
        patch.setattr(crop_runner, "check_device", lambda device: None)
        # fake weights cannot be moved: models are made where they are to run
        patch.setattr(ModulatedNetwork, "for_inference", lambda network, device: network.eval())
        patch.setattr(
            torch.nn.init, "trunc_normal_", lambda tensor, **_: tensor
        )  # it looks at what it has drawn
        yield
