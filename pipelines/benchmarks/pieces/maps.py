"""Modulation of a probability map."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from mfp.clicks import Click
from mfp.modulation import CONFIDENT_FOREGROUND, ModulationSettings, modulate
from pipelines.benchmarks.pieces.piece import Choice, Piece

_SIZE = (224, 320)  # a crop of lite0
_CLICK = Click(100.0, 150.0, is_foreground=True)

Maps: TypeAlias = tuple[Tensor, list[list[Click]]]


def modulation(num_maps: int) -> Piece:
    """The first click on maps of noise, a pair of mirror images each, in the variant of the paper."""
    rng = np.random.default_rng(0)
    inputs: list[Maps] = []
    for _ in range(num_maps):
        prob = torch.from_numpy(rng.uniform(0.01, 0.9, (1, 1, *_SIZE)).astype(np.float32))
        inputs.append((torch.cat((prob, prob.flip(3))), [[_CLICK], [_CLICK.mirrored(_SIZE[1])]]))
    return Piece(
        "modulate a map and its mirror image",
        inputs,
        Choice("ours (torch, in the window)", lambda: _ours),
        (Choice("NumPy, whole maps", lambda: _whole_maps),),
        lambda one, other: np.allclose(one, other, atol=1e-6),
    )


def _ours(maps: Maps) -> Any:
    prob, clicks = maps
    return modulate(prob, clicks, ModulationSettings()).numpy()


def _whole_maps(maps: Maps) -> Any:
    prob, clicks = maps
    rows = zip(prob[:, 0].numpy(), clicks, strict=True)
    return np.stack([_sharpened(values, of_row[-1]) for values, of_row in rows])[:, None]


def _sharpened(prob: NDArray[np.float32], click: Click) -> NDArray[np.float32]:
    """(H, W): the formula of the paper's section 3.1 for an early foreground click, as it stands."""
    values = prob.astype(np.float64)
    rows, cols = np.indices(values.shape)
    window = np.sqrt((rows - click.y) ** 2 + (cols - click.x) ** 2) <= ModulationSettings().max_radius
    at_click = values[int(click.y), int(click.x)]
    gap = (values - at_click) ** 2
    inside = np.sort(gap[window])
    median = inside[(inside.size - 1) // 2]
    largest = np.log(at_click) / np.log(CONFIDENT_FOREGROUND)
    gamma = np.where(gap <= median, (largest - 1) * ((median - gap) / median) ** 3 + 1, 1.0)
    return np.where(window, values ** (1 / gamma), values).astype(np.float32)
