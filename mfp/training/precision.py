"""Whether bfloat16 pays on the device at hand: matrix units make it several times faster, emulation far slower."""

from __future__ import annotations

import copy
import statistics
import time

import torch

from mfp.clicks import Click
from mfp.training.step import autocast_to
from mfp.training.trainable import TrainableNetwork

_NUM_PAIRS = 3
_CLEAR = 2.0  # a first pair that differs by more needs no second


def cost_of_bf16(network: TrainableNetwork, crop_size: tuple[int, int], *, with_gradient: bool) -> float:
    """Return the time of a pass in bfloat16 over that of one in float32, for one crop on the network's device.

    Median of three pairs after one to warm up; one pair alone if it is clear. The network stays as it is: a copy runs.

    Args:
        network: in memory format and on the device that it is trained in.
        crop_size: (height, width), pixels.
        with_gradient: of forward and backward, else of forward alone.

    """
    measured = copy.deepcopy(network).eval()  # in eval mode its statistics stay
    device = next(measured.parameters()).device
    generator = torch.Generator().manual_seed(0)
    image, prob = (torch.rand(1, channels, *crop_size, generator=generator).to(device) for channels in (3, 1))
    image = image.contiguous(memory_format=torch.channels_last)
    clicks = [[Click(crop_size[0] / 2, crop_size[1] / 2, True)]]

    def seconds(dtype: torch.dtype) -> float:
        started = _clock(device)
        with torch.set_grad_enabled(with_gradient):
            with autocast_to(device, dtype):
                logits = measured.forward_map(image, prob, clicks)
            if with_gradient:
                torch.autograd.backward(logits.float().sum())
        return _clock(device) - started

    seconds(torch.float32)
    seconds(torch.bfloat16)
    ratios: list[float] = []
    while len(ratios) < _NUM_PAIRS and not (ratios and not 1 / _CLEAR < ratios[0] < _CLEAR):
        ratios.append(seconds(torch.bfloat16) / seconds(torch.float32))
    return statistics.median(ratios)


def _clock(device: torch.device) -> float:
    """Return seconds: of this process's work on a CPU, which others share; of the wall once a GPU is done."""
    if device.type == "cpu":
        return time.process_time()
    torch.cuda.synchronize(device)
    return time.perf_counter()
