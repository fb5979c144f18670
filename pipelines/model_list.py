"""What `mfp models` prints: the models of this release, with what their files say of themselves."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from rich.table import Table

from infra.storage import Storage
from mfp.model_file import read_header
from pipelines.model_source import find_model, shipped_models

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


def list_models() -> list[ListedModel]:
    """The shipped models and the analytic one, which has no weights."""
    storage = Storage()
    return [
        _listed(source.name, source.data)
        for source in (find_model(name, storage) for name in shipped_models())
    ]


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


def _listed(name: str, data: bytes | None) -> ListedModel:
    if data is None:
        return ListedModel(name, "formula", 0, 0, None, {})
    document = read_header(data)
    facts = document["facts"]
    return ListedModel(
        name=name,
        architecture=document["config"]["architecture"],
        num_parameters=_num_parameters(data),
        num_bytes=len(data),
        steps=facts.get("steps"),
        noc=facts.get("noc", {}),
    )


def _num_parameters(data: bytes) -> int:
    """Values in the tensors of a safetensors file, without the statistics and counters of batch norm."""
    header = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")])
    return sum(
        math.prod(tensor["shape"])
        for name, tensor in header.items()
        if name != "__metadata__" and name.rsplit(".", 1)[-1] not in _STATISTICS
    )
