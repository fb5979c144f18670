"""Architectures by name, and their configurations as JSON."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeAlias, cast

from pydantic import ConfigDict, TypeAdapter, ValidationError

from mfp.errors import ModelError
from mfp.models.hrnet18 import HRNet18, HRNet18Config
from mfp.models.lite0 import Lite0, Lite0Config
from mfp.models.names import TRAINABLE_NAMES
from mfp.models.resnet34 import ResNet34, ResNet34Config
from mfp.models.vit import ViT, ViTConfig
from mfp.network import ModulatedNetwork

JsonObject: TypeAlias = Mapping[str, Any]
_STRICT = ConfigDict(extra="forbid", strict=True, allow_inf_nan=False)
NetworkConfig: TypeAlias = Lite0Config | ViTConfig | ResNet34Config | HRNet18Config


@dataclass(frozen=True)
class Architecture:
    """A network and the dataclass that configures it.

    `renamed` maps the beginning of tensor names in older files to that of today's.
    """

    config_type: type[NetworkConfig]
    build: Callable[[Any], ModulatedNetwork]
    renamed: Mapping[str, str] = field(default_factory=dict)

    def current_name(self, name: str) -> str:
        """The name that a tensor of a file, maybe an older one, has in the network."""
        for old, new in self.renamed.items():
            if name.startswith(old):
                return new + name.removeprefix(old)
        return name


ARCHITECTURES: Mapping[str, Architecture] = {
    "lite0": Architecture(Lite0Config, Lite0),
    "vit": Architecture(ViTConfig, ViT, renamed={"backbone.coordinate_embed.": "coordinate_embed."}),
    "hrnet18": Architecture(HRNet18Config, HRNet18),
    "resnet34": Architecture(ResNet34Config, ResNet34),
}


@dataclass(frozen=True)
class NamedNetwork:
    """A network that can be trained by name: its configuration, and what a person calls it."""

    config: NetworkConfig
    title: str


TRAINABLE: Mapping[str, NamedNetwork] = {
    "vit_b": NamedNetwork(ViTConfig(), "ViT-B/16, simple feature pyramid"),
    "hrnet18": NamedNetwork(HRNet18Config(), "HRNet-W18, object context (OCR-64)"),
    "resnet34": NamedNetwork(ResNet34Config(), "ResNet-34, DeepLabV3+"),
    "lite0": NamedNetwork(Lite0Config(), "EfficientNet-Lite0, top-down pyramid"),
}


def trainable_names() -> list[str]:
    """The names that config_by_name knows."""
    return list(TRAINABLE_NAMES)


def config_by_name(name: str) -> NetworkConfig:
    """The configuration from which a network of that name is trained: `vit_b`, `hrnet18`, `resnet34`, `lite0`.

    Raises:
        ModelError: another name.
    """
    if name not in TRAINABLE:
        raise ModelError(f"model {name!r} cannot be trained by name; choose from {', '.join(TRAINABLE)}")
    return TRAINABLE[name].config


def trained_as(config: NetworkConfig) -> str:
    """The name by which a network of that kind is trained, whatever its sizes."""
    return next(name for name, entry in TRAINABLE.items() if isinstance(entry.config, type(config)))


def architecture_of(config: NetworkConfig) -> str:
    """The name under which a configuration's network is registered."""
    return next(name for name, entry in ARCHITECTURES.items() if isinstance(config, entry.config_type))


def build_network(config: NetworkConfig) -> ModulatedNetwork:
    """A network with fresh weights."""
    return ARCHITECTURES[architecture_of(config)].build(config)


def config_to_json(config: NetworkConfig) -> dict[str, Any]:
    """A configuration as a JSON object: its architecture's name and every field."""
    return {"architecture": architecture_of(config), **dataclasses.asdict(config)}


def config_from_json(document: JsonObject) -> NetworkConfig:
    """The configuration that a JSON object describes.

    Raises:
        ModelError: an unknown architecture or field, or a value of another type; a missing one has its default.
    """
    name = document.get("architecture")
    if not isinstance(name, str) or name not in ARCHITECTURES:
        known = ", ".join(ARCHITECTURES)
        raise ModelError(f"architecture {name!r} is unknown; known are: {known}")
    fields = {key: value for key, value in document.items() if key != "architecture"}
    try:
        # pydantic takes a configuration for a tuple that holds a dataclass, and not for the dataclass
        kind: Any = tuple[ARCHITECTURES[name].config_type]  # type: ignore[misc]
        adapter: TypeAdapter[Any] = TypeAdapter(kind, config=_STRICT)
        (config,) = adapter.validate_json(json.dumps([fields]))
    except ValidationError as error:
        problem = error.errors(include_url=False)[0]
        place = ".".join(map(str, (name, *problem["loc"][1:])))
        raise ModelError(f"configuration of {place}: {problem['msg']}; convert the model again") from None
    return cast("NetworkConfig", config)
