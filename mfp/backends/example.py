"""Inputs of a network's layers: noise that is the same everywhere."""

from __future__ import annotations

import torch
from torch import Tensor

from mfp.network import ModulatedNetwork

NUM_ROWS = 2
"""A crop and its mirror image: what a session on a CPU gives its network."""
_SEED = 0


def example_inputs(network: ModulatedNetwork, size: tuple[int, int]) -> tuple[Tensor, Tensor, Tensor]:
    """Image, coordinates and late input as `forward` takes them, (2, C, height, width), on the network's device."""
    generator = torch.Generator().manual_seed(_SEED)
    clicks = network.click_settings
    image = torch.randn(NUM_ROWS, 3, *size, generator=generator)
    coordinates, late = (
        torch.rand(NUM_ROWS, channels, *size, generator=generator)
        for channels in (clicks.num_coordinate_channels, clicks.num_late_channels)
    )
    device = network.mean.device
    return image.to(device), coordinates.to(device), late.to(device)
