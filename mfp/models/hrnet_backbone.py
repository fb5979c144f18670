"""HRNet-W18 (Wang et al. 2019) with bilinear fusion: timm's blocks, another way to resize between them."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional

STEM_CHANNELS = 64
FEATURE_CHANNELS = 18 + 36 + 72 + 144


def hrnet_w18() -> Any:
    """timm's HRNet-W18 without its classifier, for hrnet_feature.

    timm resizes by nearest neighbour inside its fusions, and by whole factors, which fails on sizes that are no
    multiple of 32. The released networks resize bilinearly to the size of the map they add to, so that step is taken
    out here; no tensor has another name for it.
    """
    # Imported here: timm takes seconds, which processes that build no network need not spend.
    import timm

    network: Any = timm.create_model("hrnet_w18", pretrained=False, head="")
    for stage in (network.stage2, network.stage3, network.stage4):
        for fused in stage:
            for layers in fused.fuse_layers:
                for layer in layers:
                    if isinstance(layer, nn.Sequential) and isinstance(layer[-1], nn.Upsample):
                        del layer[-1]
    return network


def hrnet_feature(network: Any, image: Tensor, added: Tensor) -> Tensor:
    """The four resolutions of HRNet at stride 4.

    Args:
        network: of hrnet_w18().
        image: (B, 3, H, W), normalised.
        added: (B, 64, ceil(H/2), ceil(W/2)), added after the first conv-BN-ReLU.

    Returns:
        (B, 270, ceil(H/4), ceil(W/4)), finest resolution first.
    """
    x = network.act1(network.bn1(network.conv1(image))) + added
    x = network.layer1(network.act2(network.bn2(network.conv2(x))))
    maps = [transition(x) for transition in network.transition1]
    maps = _stage(network.stage2, maps)
    maps = _stage(network.stage3, _with_coarser(network.transition2, maps))
    maps = _stage(network.stage4, _with_coarser(network.transition3, maps))
    return torch.cat([maps[0], *(_resized(coarse, maps[0]) for coarse in maps[1:])], dim=1)


def _with_coarser(transition: nn.ModuleList, maps: list[Tensor]) -> list[Tensor]:
    """The maps, and one of half the resolution made of the coarsest."""
    return [*maps, transition[len(maps)](maps[-1])]


def _stage(stage: Any, maps: list[Tensor]) -> list[Tensor]:
    for fused in stage:
        maps = [branch(each) for branch, each in zip(fused.branches, maps, strict=True)]
        maps = [_fuse(layers, maps, target) for target, layers in enumerate(fused.fuse_layers)]
    return maps


def _fuse(layers: Any, maps: list[Tensor], target: int) -> Tensor:
    """All resolutions brought to that of maps[target] and added up."""
    total: Tensor = layers[0](maps[0])
    for source in range(1, len(maps)):
        total = total + _resized(layers[source](maps[source]), maps[target])
    return torch.relu(total)


def _resized(coarse: Tensor, like: Tensor) -> Tensor:
    size = like.shape[-2:]
    if coarse.shape[-2:] == size:
        return coarse
    return functional.interpolate(coarse, size=size, mode="bilinear", align_corners=True)
