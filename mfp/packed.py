"""Many small tensors as one of each type: what a copy between host and device costs is mostly by its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy.typing as npt
import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)
class Packed:
    """Copies of tensors, side by side.

    Attributes:
        tensors: (N,) each, one for each type in the order in which types first appear.
        shapes: of the tensors that were packed, in their order.
        types: of the same: the index of their type in `tensors`.
    """

    tensors: list[Tensor]
    shapes: list[torch.Size]
    types: list[int]

    @staticmethod
    def of(tensors: Sequence[Tensor]) -> Packed:
        """Pack tensors of one device."""
        of_type: dict[torch.dtype, list[Tensor]] = {}
        for tensor in tensors:
            of_type.setdefault(tensor.dtype, []).append(tensor.flatten())
        index = {dtype: number for number, dtype in enumerate(of_type)}
        return Packed(
            [torch.cat(flat) for flat in of_type.values()],
            [tensor.shape for tensor in tensors],
            [index[tensor.dtype] for tensor in tensors],
        )

    def unpack(self, arrays: Sequence[npt.NDArray[Any]]) -> list[npt.NDArray[Any]]:
        """The tensors that were packed, as views of `arrays`, which are `tensors` on the host."""
        ends = [0] * len(arrays)
        views = []
        for shape, number in zip(self.shapes, self.types, strict=True):
            first = ends[number]
            ends[number] += shape.numel()
            views.append(arrays[number][first : ends[number]].reshape(shape))
        return views
