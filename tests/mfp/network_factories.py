"""Small configurations of every architecture, for promises that all networks keep."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Tensor, nn

from mfp.click_model import CropBatch
from mfp.clicks import Click
from mfp.models.hrnet18 import HRNet18Config
from mfp.models.lite0 import Lite0Config
from mfp.models.registry import NetworkConfig, build_network
from mfp.models.resnet34 import ResNet34Config
from mfp.models.vit import ViTConfig
from mfp.network import ModulatedNetwork

SMALL_CONFIGS: dict[str, NetworkConfig] = {
    "lite0": Lite0Config(decoder_channels=8),
    "hrnet18": HRNet18Config(ocr_channels=8),
    "resnet34": ResNet34Config(decoder_channels=32),
    "vit": ViTConfig(
        width=16, depth=4, num_heads=2, input_size=64, pyramid_widths=(4, 4, 8, 8), head_width=8
    ),
}
CLICKS = [[Click(40.0, 50.0, True)], [Click(9.0, 9.0, True), Click(50.0, 20.0, False)]]


def with_switches(config: NetworkConfig, *, modulated_map: bool, late_fusion: bool) -> NetworkConfig:
    """The same network with two of the paper's components on or off."""
    clicks = replace(config.clicks, modulated_map=modulated_map)
    return replace(config, clicks=clicks, late_fusion=late_fusion)


def create_network(config: NetworkConfig, seed: int = 0) -> ModulatedNetwork:
    """Fresh weights; norms are not the identity, as after training."""
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        network = build_network(config)
        for module in network.modules():
            if isinstance(module, nn.BatchNorm2d):
                nn.init.uniform_(module.weight, 0.5, 1.5)  # timm starts some at 0
                nn.init.normal_(module.running_mean, std=0.1)  # type: ignore[arg-type]
                nn.init.uniform_(module.running_var, 0.5, 1.5)  # type: ignore[arg-type]
    return network


def noise(*shape: int, seed: int = 0) -> Tensor:
    """Uniform in [0, 1)."""
    return torch.rand(shape, generator=torch.Generator().manual_seed(seed))


def crop_batch(image: Tensor, prob: Tensor, clicks: Sequence[Sequence[Click]]) -> CropBatch:
    """What a session gives a model of crops: rows have a previous map from their second click on."""
    has_prob = [len(sequence) > 1 for sequence in clicks]
    return CropBatch(image, prob, has_prob, clicks, [None] * len(clicks))
