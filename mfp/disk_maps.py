"""Clicks drawn as disks, the form in which a network sees them."""

from __future__ import annotations

import math
from collections.abc import Sequence

import torch
from torch import Tensor

from mfp.clicks import Click

DISK_RADIUS = 5.0


def disk_maps(
    clicks: Sequence[Sequence[Click]],
    height: int,
    width: int,
    radius: float = DISK_RADIUS,
    device: torch.device | str = "cpu",
) -> Tensor:
    """Draw a disk around every click: 1 where (y - py)^2 + (x - px)^2 <= radius^2, else 0.

    Args:
        clicks: one sequence of clicks a sample, (y, x) in pixels of the map; centres may be fractional or outside.
        height, width: size of the maps in pixels.
        radius: in pixels of the map (5 in the paper).
        device: where the maps are made.

    Returns:
        (B, 2, height, width) float32, channel 0 foreground clicks, channel 1 background clicks.
    """
    maps = torch.zeros(len(clicks), 2, height, width)
    rows = [
        (sample, 0 if click.is_foreground else 1, click.y, click.x)
        for sample, sequence in enumerate(clicks)
        for click in sequence
    ]
    if rows:
        table = torch.tensor(rows, dtype=torch.float64)
        sample, channel = table[:, 0].long(), table[:, 1].long()
        centre_y, centre_x = table[:, 2].float(), table[:, 3].float()
        # Only the few pixels near a centre can lie in its disk: test a small patch, not the whole map.
        reach = math.ceil(radius) + 1
        offset = torch.arange(-reach, reach + 1)
        y = centre_y.floor().long()[:, None] + offset  # (N, S)
        x = centre_x.floor().long()[:, None] + offset
        square = (y - centre_y[:, None])[:, :, None] ** 2 + (x - centre_x[:, None])[:, None, :] ** 2
        inside = (
            (square <= radius * radius)
            & ((y >= 0) & (y < height))[:, :, None]
            & ((x >= 0) & (x < width))[:, None, :]
        )
        n, i, j = inside.nonzero(as_tuple=True)
        maps[sample[n], channel[n], y[n, i], x[n, j]] = 1.0
    return maps.to(device, non_blocking=True)
