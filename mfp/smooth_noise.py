"""Smooth random fields that are the same to the last bit on every machine."""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray


def smooth_noise(draw: np.random.Generator, height: int, width: int, scale: float) -> NDArray[np.float64]:
    """Random hills and valleys: quadratic B-splines over a grid of random numbers.

    Only sums and products of single elements are taken, which every processor rounds in the same way. A blur or a
    matrix product may differ in the last bit, and with it the pixels that a threshold takes.

    Args:
        draw: where the numbers come from; only `random()` is used.
        height, width: of the field, pixels.
        scale: between the points of the grid, pixels, more than 0; hills are about as wide.

    Returns:
        (height, width) float64 in [-1, 1].
    """
    rows, row_weights = _taps(height, scale, draw.random())
    columns, column_weights = _taps(width, scale, draw.random())
    grid = draw.random((int(rows[-1]) + 3, int(columns[-1]) + 3)) * 2 - 1
    tall = np.zeros((height, grid.shape[1]))
    for tap, weights in enumerate(row_weights):
        tall += weights[:, None] * grid[rows + tap]
    field = np.zeros((height, width))
    for tap, weights in enumerate(column_weights):
        field += weights * tall[:, columns + tap]
    return field


def _taps(num: int, scale: float, offset: float) -> tuple[NDArray[np.int64], list[NDArray[np.float64]]]:
    """For each of `num` pixels the first of three points of the grid that make its value, and their weights."""
    position = np.arange(num) / scale + offset
    first = np.floor(position)
    beyond = position - first
    weights = [(1 - beyond) * (1 - beyond) / 2, 0.5 + beyond * (1 - beyond), beyond * beyond / 2]
    return first.astype(np.int64), weights
