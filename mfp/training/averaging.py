"""An exponential moving average of weights, which evaluates better than the weights of any one step."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class WeightAverage:
    """Average of a network's floating tensors, BatchNorm statistics included; other tensors are copied.

    The decay grows from 0 as (1 + n) / (10 + n) to `decay`, so that the first steps do not linger.
    """

    def __init__(self, network: nn.Module, decay: float = 0.999) -> None:
        self.decay = decay
        self.num_updates = 0
        self.tensors = {name: tensor.detach().clone() for name, tensor in network.state_dict().items()}

    @torch.no_grad()
    def update(self, network: nn.Module) -> None:
        """Take in the network's present weights."""
        self.num_updates += 1
        decay = min(self.decay, (1 + self.num_updates) / (10 + self.num_updates))
        for name, tensor in network.state_dict().items():
            if tensor.is_floating_point():
                self.tensors[name].lerp_(tensor, 1.0 - decay)
            else:
                self.tensors[name].copy_(tensor)

    def restore(self, tensors: dict[str, Tensor], num_updates: int) -> None:
        """Go on from a checkpoint's average."""
        for name, tensor in self.tensors.items():
            tensor.copy_(tensors[name])
        self.num_updates = num_updates
