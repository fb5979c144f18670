"""Rows of a network's batch: whether it pays on this machine to give it more than a session's pair."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from mfp.click_model import CropBatch
from mfp.clicks import Click
from mfp.network import ModulatedNetwork
from pipelines.benchmarks.pieces.piece import Choice, Function, Piece

_ROWS = 8
_REGION = (224, 320)  # about what zoom-in shows
_TOLERANCE = 1e-4  # of logits: kernels round differently


def rows(network: ModulatedNetwork) -> Piece:
    """Eight rows with previous maps, as four passes over a crop and its mirror image, and otherwise."""
    network = network.for_inference(torch.device("cpu"))
    height, width = network.crop_size(*_REGION, network.zoom_size)
    generator = torch.Generator().manual_seed(0)
    image, prob = (torch.rand(_ROWS, channels, height, width, generator=generator) for channels in (3, 1))
    clicks = [[Click(height / 2, width / 3 + row, True), Click(60, 40 + row, False)] for row in range(_ROWS)]
    batch = CropBatch(image, prob, [True] * _ROWS, clicks, [None] * _ROWS)

    def by(size: int) -> Callable[[], Function]:
        return lambda: lambda whole: _passes(network, whole, size)

    return Piece(
        f"{_ROWS} rows through {type(network).__name__}",
        [batch],
        Choice("ours (in pairs)", by(2)),
        (Choice("one by one", by(1)), Choice("in fours", by(4)), Choice("all at once", by(_ROWS))),
        lambda one, other: bool(torch.allclose(one, other, atol=_TOLERANCE)),
    )


@torch.inference_mode()
def _passes(network: ModulatedNetwork, batch: CropBatch, size: int) -> Any:
    parts = [slice(first, first + size) for first in range(0, _ROWS, size)]
    return torch.cat(
        [
            network.predict(
                CropBatch(
                    batch.image[part],
                    batch.prob[part],
                    batch.has_prob[part],
                    batch.clicks[part],
                    batch.features[part],
                )
            )
            for part in parts
        ]
    )
