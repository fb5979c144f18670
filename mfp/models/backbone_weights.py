"""Backbones alone, trained on ImageNet or as masked autoencoders: starting points for training."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from torch import Tensor

from mfp.errors import WeightsError
from mfp.models.hrnet18 import HRNet18Config
from mfp.models.registry import NetworkConfig
from mfp.models.released_keys import KeyRules
from mfp.models.released_networks import heads_of_width, num_blocks
from mfp.models.resnet34 import ResNet34Config
from mfp.models.vit import ViTConfig
from mfp.models.vit_backbone import resized_table


@dataclass(frozen=True)
class BackboneWeights:
    """A backbone's weights as the start of one of our networks.

    Attributes:
        title: what a person calls them.
        config: of the whole network; its other layers start fresh.
        rules: from their tensor names to ours.
    """

    title: str
    config: NetworkConfig
    rules: KeyRules


def backbone_weights(state: Mapping[str, Tensor]) -> BackboneWeights | None:
    """Which backbone a state dict is, by timm's names, which are also those of its authors or of torchvision.

    Raises:
        WeightsError: a backbone of a kind that this release knows, of a size that it does not build.
    """
    if "pos_embed" in state and "patch_embed.proj.weight" in state and "blocks.0.attn.qkv.weight" in state:
        return _vit(state)
    if "stage4.0.fuse_layers.0.1.0.weight" in state:
        return _hrnet(state)
    if "layer4.0.conv1.weight" in state and "conv1.weight" in state:
        return _resnet(state)
    return None


def _vit(state: Mapping[str, Tensor]) -> BackboneWeights:
    width, _, patch, _ = state["patch_embed.proj.weight"].shape
    tokens = state["pos_embed"].shape[1] - 1
    if math.isqrt(tokens) ** 2 != tokens:
        raise WeightsError(
            f"ViT backbone with {tokens + 1} positions: must be those of a square and a class token"
        )
    config = ViTConfig(
        width=width, depth=num_blocks(state, "blocks."), num_heads=heads_of_width(width), patch_size=patch
    )
    rules = KeyRules(
        renames=(
            (r"patch_embed\.", "backbone.image_embed."),
            (r"pos_embed$", "backbone.position"),
            (r"blocks\.", "backbone.blocks."),
        ),
        dropped=("cls_token", "norm.", "fc_norm.", "head.", "mask_token", "decoder_"),
        reshapes={"backbone.position": _position_table(config.input_size // patch)},
    )
    return BackboneWeights(f"ViT backbone (width {width}, depth {config.depth})", config, rules)


def _position_table(side: int) -> Callable[[Tensor], Tensor]:
    """From a table with a class row, at the backbone's own input size, to (1, side * side, C)."""

    def resize(table: Tensor) -> Tensor:
        return resized_table(table[:, 1:], side, side).flatten(2).transpose(1, 2)

    return resize


def _hrnet(state: Mapping[str, Tensor]) -> BackboneWeights:
    width = state["stage4.0.fuse_layers.0.1.0.weight"].shape[0]
    if width != 18:
        raise WeightsError(f"backbone HRNet-W{width}: this release builds HRNet-W18")
    dropped = ("incre_modules.", "downsamp_modules.", "final_layer.", "classifier.", "last_layer.")
    return BackboneWeights("HRNet-W18 backbone", HRNet18Config(), _prefixed(dropped))


def _resnet(state: Mapping[str, Tensor]) -> BackboneWeights:
    if "layer1.0.conv3.weight" in state or "layer3.5.conv1.weight" not in state:
        raise WeightsError(
            "backbone of a ResNet that is not ResNet-34, the only one that this release builds"
        )
    return BackboneWeights("ResNet-34 backbone", ResNet34Config(), _prefixed(("fc.",)))


def _prefixed(dropped: tuple[str, ...]) -> KeyRules:
    return KeyRules(renames=((r"", "backbone."),), dropped=dropped, reshapes={})
