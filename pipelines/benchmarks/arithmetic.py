"""How much arithmetic the passes of a network are, and how much of it this machine can do in a second."""

from __future__ import annotations

import time
from collections.abc import Sequence
from statistics import median
from typing import Final

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from mfp.click_model import CropBatch
from mfp.network import ModulatedNetwork

_CHANNELS: Final = 256
_SIDE: Final = 64
_REPEATS: Final = 9


def operations(network: ModulatedNetwork, batches: Sequence[CropBatch]) -> int:
    """Floating-point operations of a network's convolutions, matrix products and attention on these batches.

    A multiplication and an addition are two. What else a network does is not counted: it is a small part.
    """
    # of attention torch counts that of GPUs alone
    own = {torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention}
    with torch.inference_mode(), FlopCounterMode(display=False, custom_mapping=own) as counter:
        for batch in batches:
            network.predict(batch)
    return int(counter.get_total_flops())


def _attention(query: torch.Size, key: torch.Size, *_: object, **__: object) -> int:
    """Of two matrix products, each of all queries with as many columns as there are keys."""
    return 4 * query.numel() * key[-2]


def convolution_rate() -> float:
    """Operations in a second of a large float32 convolution on a CPU, by PyTorch on its present number of threads.

    It is about the most that a network of convolutions can reach: 3x3, 256 to 256 channels, two images of 64x64.
    """
    layer = nn.Conv2d(_CHANNELS, _CHANNELS, 3, padding=1).to(memory_format=torch.channels_last)
    images = torch.rand(2, _CHANNELS, _SIDE, _SIDE).contiguous(memory_format=torch.channels_last)
    seconds = []
    with torch.inference_mode():
        layer(images)  # its kernel is chosen
        for _ in range(_REPEATS):
            started = time.perf_counter()
            layer(images)
            seconds.append(time.perf_counter() - started)
    return 2 * 9 * _CHANNELS * _CHANNELS * images[:, 0].numel() / median(seconds)
