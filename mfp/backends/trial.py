"""Which backend is fastest on this machine in a precision, of those that give torch's logits."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from mfp.backends.example import example_inputs
from mfp.backends.registry import BACKENDS
from mfp.engine_settings import BackendName, Precision
from mfp.errors import first_line
from mfp.network import Layers, ModulatedNetwork

logger = logging.getLogger(__name__)

LONGEST_PASS_SECONDS = 3.0
"""A network that takes torch longer for two rows is not tried: that would take a minute and more, and in large matrix
products, of which such networks consist, there is little to gain (docs/backends.md)."""
TOLERANCES: Mapping[Precision, float] = {"fp32": 1e-4, "bf16": 0.25}
"""Most that logits may differ from torch's in the same precision, in their range, by the precisions that are tried.

A factor of bfloat16 is rounded by up to 2^-9 of itself, and each backend rounds at other places: differences of two
per cent of the range were seen, and of a ninth in a small network with random weights, whose range is small.
"""
LEAST_GAIN = 1.1
"""Times faster than torch that another backend has to be: torch is what networks are trained and tested with."""
_QUICK_PASS_SECONDS = 0.3
_NUM_QUICK_PASSES = 3


@dataclass(frozen=True)
class Trial:
    """One backend on one network.

    Attributes:
        name: of the backend.
        seconds: of one pass of two rows, the fastest of the trial: what else a machine does only adds to it. Processor
            time of one thread, which a busy machine changes least; wall time of several, whose waiting counts.
        difference: the largest of the logits from torch's, in the range of torch's; 0 for torch.
    """

    name: BackendName
    seconds: float
    difference: float


def try_backends(
    network: ModulatedNetwork, names: Sequence[BackendName], zoom_size: int, precision: Precision
) -> tuple[Trial, ...]:
    """Run a network by torch and by these backends on the same noise; backends that fail at it are left out.

    The passes of the backends take turns. Three are timed, or one of a network that takes torch longer than 0.3 s.
    torch is alone if it takes longer than LONGEST_PASS_SECONDS.

    Args:
        network: in its form for inference, on a CPU.
        names: others than torch, all of them installed.
        zoom_size: of the crops, pixels.
        precision: of the passes, one of TOLERANCES.
    """
    with torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        return _try(network, names, zoom_size, precision)


def fastest(trials: Collection[Trial], precision: Precision) -> Trial:
    """The fastest backend whose logits are torch's, or torch if none is LEAST_GAIN times as fast."""
    (by_torch,) = (trial for trial in trials if trial.name == "torch")
    alike = [trial for trial in trials if trial.difference <= TOLERANCES[precision]]  # not if it is NaN
    best = min(alike, key=lambda trial: trial.seconds)
    return best if best.seconds * LEAST_GAIN <= by_torch.seconds else by_torch


def _try(
    network: ModulatedNetwork, names: Sequence[BackendName], zoom_size: int, precision: Precision
) -> tuple[Trial, ...]:
    size = network.crop_size(3, 4, zoom_size)
    inputs = example_inputs(network, size)
    by_torch: Layers = BACKENDS["torch"].prepare(network, size, precision)
    expected, seconds = _timed(by_torch, inputs)  # its first pass, which also prepares kernels
    if seconds > LONGEST_PASS_SECONDS:
        return (Trial("torch", seconds, 0.0),)
    layers: dict[BackendName, Layers] = {"torch": by_torch}
    differences: dict[BackendName, float] = {"torch": 0.0}
    for name in names:
        try:
            prepared = BACKENDS[name].prepare(network, size, precision)
            difference = _difference(_timed(prepared, inputs)[0], expected)
        except (
            Exception
        ) as error:  # a run that leaves the choice open does not end by one that it need not take
            logger.warning("backend %s is left out: %s", name, first_line(error))
            continue
        if not math.isfinite(difference):
            logger.warning("backend %s is left out: its logits are not comparable with torch's", name)
            continue
        layers[name], differences[name] = prepared, difference
    num_passes = _NUM_QUICK_PASSES if seconds < _QUICK_PASS_SECONDS else 1
    times: dict[BackendName, list[float]] = {name: [] for name in layers}
    for _ in range(num_passes):
        for name, one in layers.items():
            times[name].append(_timed(one, inputs)[1])
    return tuple(Trial(name, min(of_name), differences[name]) for name, of_name in times.items())


def _timed(layers: Layers, inputs: tuple[Tensor, Tensor, Tensor]) -> tuple[Tensor, float]:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    started = clock()
    with torch.inference_mode():
        logits = layers(*inputs)
    return logits.float(), clock() - started


def _difference(logits: Tensor, expected: Tensor) -> float:
    extent = float(expected.max() - expected.min())
    largest = float((logits - expected).abs().max())
    return largest / extent if extent > 0 else math.inf if largest > 0 else largest
