"""Clicks drawn as disks, the form in which a network sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from mfp.clicks import Click
from mfp.transfers import to_device

DISK_RADIUS = 5.0


def disk_maps(
    clicks: Sequence[Sequence[Click]],
    height: int,
    width: int,
    radius: float = DISK_RADIUS,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw a disk around every click: 1 where (y - py)^2 + (x - px)^2 <= radius^2, else 0.

    Clicks are copied to the device at once; nothing here waits for the device.

    Args:
        clicks: one sequence of clicks a sample, (y, x) in pixels of the map; centres may be fractional or outside.
        height, width: size of the maps in pixels.
        radius: in pixels of the map (5 in the paper).
        device: where the maps are made.

    Returns:
        (B, 2, height, width) float32, channel 0 foreground clicks, channel 1 background clicks.
    """
    table = np.zeros((len(clicks), max((len(sequence) for sequence in clicks), default=0), 3), np.float32)
    for sequence, rows in zip(clicks, table, strict=True):
        for click, row in zip(sequence, rows, strict=False):
            row[:] = click.y, click.x, 1 if click.is_foreground else -1
    centre_y, centre_x, sign = to_device(torch.from_numpy(table), torch.device(device)).unbind(2)  # (B, K)
    # Only the few pixels near a centre can lie in its disk: test a small patch, not the whole map.
    reach = math.ceil(radius) + 1
    offset = torch.arange(-reach, reach + 1, device=device)
    y = centre_y.floor().long()[..., None] + offset  # (B, K, S)
    x = centre_x.floor().long()[..., None] + offset
    square = ((y - centre_y[..., None]) ** 2)[..., None] + ((x - centre_x[..., None]) ** 2)[:, :, None]
    inside = (
        (square <= radius * radius)
        & ((y >= 0) & (y < height))[..., None]
        & ((x >= 0) & (x < width))[:, :, None]
        & (sign != 0)[..., None, None]
    )
    num_pixels = len(clicks) * 2 * height * width
    plane = 2 * torch.arange(len(clicks), device=device)[:, None] + (sign < 0)
    pixel = ((plane[..., None] * height + y) * width)[..., None] + x[:, :, None]
    # One pixel more than the maps have takes what lies in no disk: to leave it out is to wait for its number.
    maps = torch.zeros(num_pixels + 1, device=device)
    maps.index_fill_(0, torch.where(inside, pixel, num_pixels).flatten(), 1.0)
    return maps[:-1].view(len(clicks), 2, height, width)
