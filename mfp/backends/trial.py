"""Which backend is fastest on this machine in a precision, of those that give torch's logits."""

from __future__ import annotations

import logging
import math
import time
from collections.abc import Collection, Sequence
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
PRECISIONS: tuple[Precision, ...] = ("fp32", "bf16")
"""Those that are tried."""
TOLERANCE = 1e-4
"""Most that logits in float32 may differ from torch's, in their range."""
ROUNDINGS = 2.0
"""Most that logits in bf16 may differ from torch's in float32, as a multiple of what torch's own in bf16 do.

Each backend rounds at other places.
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
        difference: the largest of the logits from torch's in float32, in the range of those. 0 for torch in float32.
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
        precision: of the passes, one of PRECISIONS.
    """
    size = network.crop_size(3, 4, zoom_size)
    inputs = example_inputs(network, size)
    by_torch: Layers = BACKENDS["torch"].prepare(network, size, precision)
    logits, seconds = _timed(by_torch, inputs, precision)  # its first pass, which also prepares kernels
    if seconds > LONGEST_PASS_SECONDS:
        return (Trial("torch", seconds, 0.0),)
    expected = logits if precision == "fp32" else _timed(by_torch, inputs, "fp32")[0]
    layers: dict[BackendName, Layers] = {"torch": by_torch}
    differences: dict[BackendName, float] = {
        "torch": 0.0 if precision == "fp32" else _difference(logits, expected)
    }
    if not math.isfinite(differences["torch"]):
        return (Trial("torch", seconds, 0.0),)
    for name in names:
        try:
            prepared = BACKENDS[name].prepare(network, size, precision)
            difference = _difference(_timed(prepared, inputs, precision)[0], expected)
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
            times[name].append(_timed(one, inputs, precision)[1])
    return tuple(Trial(name, min(of_name), differences[name]) for name, of_name in times.items())


def fastest(trials: Collection[Trial]) -> Trial:
    """The fastest backend whose logits are torch's, or torch if none is LEAST_GAIN times as fast."""
    (by_torch,) = (trial for trial in trials if trial.name == "torch")
    most = TOLERANCE + ROUNDINGS * by_torch.difference
    alike = [trial for trial in trials if trial.difference <= most]  # not if it is NaN
    best = min(alike, key=lambda trial: trial.seconds)
    return best if best.seconds * LEAST_GAIN <= by_torch.seconds else by_torch


def _timed(
    layers: Layers, inputs: tuple[Tensor, Tensor, Tensor], precision: Precision
) -> tuple[Tensor, float]:
    clock = time.process_time if torch.get_num_threads() == 1 else time.perf_counter
    started = clock()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16, enabled=precision == "bf16"):
        logits = layers(*inputs)
    return logits.float(), clock() - started


def _difference(logits: Tensor, expected: Tensor) -> float:
    extent = float(expected.max() - expected.min())
    largest = float((logits - expected).abs().max())
    return largest / extent if extent > 0 else math.inf if largest > 0 else largest
