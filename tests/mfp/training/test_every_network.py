"""A training step on every network that has a name, and on each without the parts that an ablation leaves out."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import torch

from mfp.models.registry import build_network, config_by_name, trainable_names
from mfp.training.optimizer import BACKBONE
from mfp.training.step import GradientPass, Rounds, StepSettings, TrainingBatch, accumulate_gradients

SIDES = {"vit_b": 224}  # one attention window


@pytest.mark.parametrize(
    ("name", "is_ablated"),
    [
        *((name, False) for name in trainable_names()),
        *(
            (name, True) for name in trainable_names() if name != "vit_b"
        ),  # its 90 million parameters take long
    ],
)
def test_every_parameter_of_a_network_learns_in_a_step(name: str, is_ablated: bool) -> None:
    """DistributedDataParallel waits for the gradient of each: one that a step never uses had to be looked for."""
    torch.manual_seed(0)
    config = config_by_name(name)
    if is_ablated:
        config = replace(config, late_fusion=False, clicks=replace(config.clicks, modulated_map=False))
    network = build_network(config)
    side = SIDES.get(name, 64)
    label = torch.zeros(2, 1, side, side, dtype=torch.int8)
    label[:, :, side // 4 : side // 2, side // 4 : side // 2] = 1
    batch = TrainingBatch(torch.rand(2, 3, side, side), label, torch.ones(2))
    rngs = [np.random.default_rng(row) for row in range(2)]
    figures = accumulate_gradients(
        GradientPass(network),
        network,
        batch,
        Rounds(1, 1 if name == "vit_b" else 2),
        rngs,
        StepSettings(),
        lambda loss: loss.backward(),  # type: ignore[no-untyped-call]
    )
    assert np.isfinite(figures.loss)
    assert [key for key, value in network.named_parameters() if value.grad is None] == []
    assert any(key.startswith(BACKBONE) for key, _ in network.named_parameters())
