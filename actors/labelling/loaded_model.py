"""A click model on its way to the engine: its file, and what it is once built."""

from __future__ import annotations

from dataclasses import dataclass, replace

from actors.specs.model import Modulation
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.network import ClickNetwork


@dataclass(frozen=True)
class ModelBytes:
    """A model before it is built. `data` is its file's content; None is the analytic click model, which has none."""

    model_id: str
    data: bytes | None


@dataclass(frozen=True, eq=False)
class LoadedModel:
    """An engine over a model, and the id that every row it makes carries."""

    model_id: str
    engine: Engine


def load_model(
    model: ModelBytes, modulation: Modulation, settings: EngineSettings, device: str
) -> LoadedModel:
    """Build a model's network on a torch device.

    Raises:
        WeightsError: the bytes are no model.

    """
    return LoadedModel(model.model_id, Engine(load_network(model.data, modulation), settings, device))


def load_network(model: bytes | None, modulation: Modulation) -> ClickNetwork:
    """The network in a model file, shown clicks as the run wants it."""
    network = AnalyticClickModel() if model is None else _read_model(model)
    if modulation != "model":
        settings = network.click_settings
        network.click_settings = replace(
            settings, modulation=replace(settings.modulation, variant=modulation)
        )
    return network


def _read_model(data: bytes) -> ClickNetwork:
    # timm takes as long to import as everything else in a worker; the analytic model does without
    from mfp.model_file import model_from_bytes

    return model_from_bytes(data).network
