"""Stand-in weights of the golden networks: every tensor depends on its released name and shape only."""

from __future__ import annotations

import json
import zlib
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import torch
from torch import Tensor


def golden_tensor(key: str, shape: tuple[int, ...]) -> np.ndarray:
    """The array that the recorded networks held under `key`: float32, int64 zeros for counters."""
    if key.endswith("num_batches_tracked"):
        return np.zeros(shape, np.int64)
    rng = np.random.Generator(np.random.PCG64(zlib.crc32(key.encode())))
    noise = rng.standard_normal(shape).astype(np.float32)
    if key.endswith("running_var"):
        return np.asarray(1.0 + 0.1 * np.abs(noise))
    if key.endswith(("running_mean", "bias")):
        return np.asarray(0.05 * noise)
    if len(shape) <= 1:  # the weight of a norm layer, a scale
        return np.asarray(1.0 + 0.1 * noise)
    return np.asarray(noise / np.float32(np.sqrt(np.prod(shape[1:]))))


def golden_state_dict(keys_file: Path) -> Mapping[str, Tensor]:
    """A released state dict with every name of a `*_keys.json` (released name -> shape)."""
    keys = json.loads(keys_file.read_text())
    return {key: torch.from_numpy(golden_tensor(key, tuple(shape))) for key, shape in keys.items()}
