"""What `mfp models` prints: the models of this release as their files describe them, and networks to train."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from importlib.metadata import EntryPoint
from typing import Any

import torch
from rich.table import Table

from actors.click_models.installed import installed_models, package_of
from actors.click_models.model_ref import ModelRef, Weights
from actors.specs.model import ModelChoice
from infra.storage.files import Storage
from mfp.model_file import read_header
from mfp.models.registry import TRAINABLE, NamedNetwork, build_network
from pipelines.inputs.model_names import shipped_models
from pipelines.inputs.model_source import find_model

NOC_THRESHOLDS = ("85", "90", "95")
_STATISTICS = {"running_mean", "running_var", "num_batches_tracked"}


@dataclass(frozen=True)
class ListedModel:
    """A model that `--model` knows by name.

    `noc` maps the name of a data set to NoC by threshold ("85", "90", "95"): `facts["noc"]` of the model file.
    """

    name: str
    architecture: str
    num_parameters: int
    num_bytes: int
    steps: int | None
    noc: Mapping[str, Mapping[str, float]]

    def to_json(self) -> dict[str, Any]:
        """Every field, as `mfp models --json` prints it."""
        return asdict(self)


@dataclass(frozen=True)
class ListedNetwork:
    """A network that `mfp train --model` knows by name. `crop` is what it sees at inference, in pixels."""

    name: str
    title: str
    num_parameters: int
    crop: str

    def to_json(self) -> dict[str, Any]:
        """Every field, as `mfp models --json` prints it."""
        return asdict(self)


def list_networks() -> list[ListedNetwork]:
    """The networks that can be trained."""
    return [_network(name, entry) for name, entry in TRAINABLE.items()]


def render_networks(networks: list[ListedNetwork]) -> Table:
    """A table, one row per network."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    for column in ("to train", "network", "params", "crop"):
        table.add_column(column, justify="right" if column == "params" else "left")
    for network in networks:
        params = f"{network.num_parameters / 1e6:.2f} M"
        table.add_row(network.name, network.title, params, network.crop)
    return table


def list_models() -> list[ListedModel]:
    """The shipped models, the analytic one, which has no weights, and those that installed packages bring."""
    storage = Storage()
    shipped = [_listed(find_model(ModelChoice(name), storage)) for name in shipped_models()]
    return shipped + [
        ListedModel(entry.name, _brought(entry), 0, 0, None, {}) for entry in installed_models()
    ]


def _brought(entry: EntryPoint) -> str:
    """The package of a model, and how to name one whose name a shipped model has."""
    hidden = f", as python:{entry.value}" if entry.name in shipped_models() else ""
    return package_of(entry) + hidden


def render_models(models: list[ListedModel]) -> Table:
    """A table, one row per model and data set."""
    table = Table(box=None, pad_edge=False, header_style="bold")
    table.add_column("model")
    table.add_column("network")
    for column in ("params", "size", "steps"):
        table.add_column(column, justify="right")
    table.add_column("NoC on")
    for threshold in NOC_THRESHOLDS:
        table.add_column(f"@{threshold}", justify="right")
    for model in models:
        size = f"{model.num_bytes / 1e6:.1f} MB" if model.num_bytes else ""
        params = f"{model.num_parameters / 1e6:.2f} M" if model.num_parameters else ""
        steps = "" if model.steps is None else f"{model.steps:,}"
        about = [model.name, model.architecture, params, size, steps]
        for dataset, noc in list(model.noc.items()) or [("", {})]:
            figures = [f"{noc[threshold]:.2f}" if threshold in noc else "" for threshold in NOC_THRESHOLDS]
            table.add_row(*about, dataset, *figures)
            about = [""] * len(about)
    return table


def _listed(model: ModelRef) -> ListedModel:
    if not isinstance(model.origin, Weights):
        return ListedModel(model.name, "formula", 0, 0, None, {})
    data = model.origin.data
    document = read_header(data)
    facts = document["facts"]
    return ListedModel(
        name=model.name,
        architecture=document["config"]["architecture"],
        num_parameters=_num_parameters(data),
        num_bytes=len(data),
        steps=facts.get("steps"),
        noc=facts.get("noc", {}),
    )


def _network(name: str, entry: NamedNetwork) -> ListedNetwork:
    with torch.device("meta"):  # shapes without memory
        network = build_network(entry.config)
    num_parameters = sum(parameter.numel() for parameter in network.parameters())
    size = network.zoom_size
    is_square = network.crop_size(100, 200, size) == (size, size)
    crop = f"{size}x{size}" if is_square else f"longer side {size}"
    return ListedNetwork(name, entry.title, num_parameters, crop)


def _num_parameters(data: bytes) -> int:
    """Values in the tensors of a safetensors file, without the statistics and counters of batch norm."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return sum(
        math.prod(tensor["shape"])
        for name, tensor in header.items()
        if name != "__metadata__" and name.rsplit(".", 1)[-1] not in _STATISTICS
    )
