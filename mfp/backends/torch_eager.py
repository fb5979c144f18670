"""Eager PyTorch: every network, device and precision."""

from __future__ import annotations

from mfp.backends.backend import Backend
from mfp.engine_settings import Precision
from mfp.network import Layers, ModulatedNetwork


def _prepare(network: ModulatedNetwork, size: tuple[int, int], precision: Precision) -> Layers:
    return network


TORCH = Backend("torch", _prepare)
