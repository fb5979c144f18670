"""One kernel for many weights where the device has it; a run goes on on another device as that one does it."""

from __future__ import annotations

import pytest
import torch

from mfp.training.averaging import WeightAverage
from mfp.training.checkpoint import Checkpoint, TrainingState, restore_checkpoint, take_checkpoint
from mfp.training.optimizer import build_optimizer
from pipelines.inputs.training_recipe import recipe


def create_state(*, fused: bool, rate: float = 1e-3, weight_decay: float = 0.0) -> TrainingState:
    torch.manual_seed(0)
    network = torch.nn.Linear(3, 2)
    optimizer = build_optimizer(network, recipe("lite0", rate=rate, weight_decay=weight_decay))
    for group in optimizer.param_groups:
        group["fused"] = fused
    return TrainingState(
        network, WeightAverage(network, 0.5), optimizer, torch.amp.GradScaler("cpu", enabled=False)
    )


def step(state: TrainingState, seed: int) -> None:
    state.network(torch.full((1, 3), float(seed))).sum().backward()
    state.optimizer.step()
    state.optimizer.zero_grad()


@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_a_cpu_steps_weight_by_weight(weight_decay: float) -> None:
    network = torch.nn.Linear(3, 2)
    optimizer = build_optimizer(network, recipe("lite0", weight_decay=weight_decay))
    assert isinstance(optimizer, torch.optim.AdamW if weight_decay else torch.optim.Adam)
    assert [group["fused"] for group in optimizer.param_groups] == [False, False]


@pytest.mark.parametrize("was_fused", [True, False])
@pytest.mark.parametrize("weight_decay", [0.0, 0.1])
def test_a_checkpoint_of_the_one_kind_goes_on_as_the_other(was_fused: bool, weight_decay: float) -> None:
    """As from a GPU to a CPU and back; the rate is that of the present options."""
    before = create_state(fused=was_fused, weight_decay=weight_decay)
    step(before, 1)
    after = create_state(fused=not was_fused, rate=1e-2, weight_decay=weight_decay)
    restore_checkpoint(Checkpoint.from_bytes(take_checkpoint(1, before).to_bytes()), after)
    assert [group["fused"] for group in after.optimizer.param_groups] == [not was_fused] * 2
    assert after.optimizer.param_groups[1]["base_lr"] == 1e-2
    for group in after.optimizer.param_groups:
        group["lr"] = 1e-3
    for group in before.optimizer.param_groups:
        group["lr"] = 1e-3
    step(before, 2)
    step(after, 2)
    for mine, theirs in zip(before.network.parameters(), after.network.parameters(), strict=True):
        torch.testing.assert_close(mine, theirs)
