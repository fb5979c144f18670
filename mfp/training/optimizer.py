"""The optimizer of a recipe."""

from __future__ import annotations

from torch import nn, optim

from mfp.training.recipe import Recipe

BACKBONE = "backbone."
"""Parameters of every network's backbone begin with it."""


def build_optimizer(network: nn.Module, recipe: Recipe) -> optim.Optimizer:
    """Adam, or AdamW where the recipe has a weight decay; the backbone learns at a rate of its own.

    Each group keeps its own rate as `base_lr`; `set_rate` multiplies it. On CUDA a step is one kernel for many weights.
    """
    backbone: list[nn.Parameter] = []
    rest: list[nn.Parameter] = []
    for name, parameter in network.named_parameters():
        (backbone if name.startswith(BACKBONE) else rest).append(parameter)
    rates = (backbone, recipe.rate * recipe.backbone_rate), (rest, recipe.rate)
    groups = [{"params": members, "lr": rate, "base_lr": rate} for members, rate in rates]
    is_fused = all(parameter.is_cuda for parameter in (*backbone, *rest))
    if recipe.weight_decay:
        return optim.AdamW(groups, betas=recipe.betas, weight_decay=recipe.weight_decay, fused=is_fused)
    return optim.Adam(groups, betas=recipe.betas, fused=is_fused)


def set_rate(optimizer: optim.Optimizer, factor: float) -> None:
    """Take the next step at this factor of the base rates."""
    for group in optimizer.param_groups:
        group["lr"] = group["base_lr"] * factor
