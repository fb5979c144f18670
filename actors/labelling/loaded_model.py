"""A click model on its way to the engine: its file, and what it is once built."""

from __future__ import annotations

from dataclasses import dataclass, replace

from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.modulation import Variant
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


def load_model(model: ModelBytes, modulation: Variant | None, settings: EngineSettings) -> LoadedModel:
    """Build a model's network on the device of `settings`.

    Raises:
        WeightsError: the bytes are no model.

    """
    return LoadedModel(model.model_id, Engine(load_network(model.data, modulation), settings))


def load_network(model: bytes | None, modulation: Variant | None) -> ClickNetwork:
    """The network in a model file, shown clicks as the run wants it; `modulation` None is as the file says."""
    network = AnalyticClickModel() if model is None else _read_model(model)
    if modulation is not None:
        settings = network.click_settings
        network.click_settings = replace(
            settings, modulation=replace(settings.modulation, variant=modulation)
        )
    return network


def _read_model(data: bytes) -> ClickNetwork:
    # timm takes as long to import as everything else in a worker; the analytic model does without
    from mfp.model_file import model_from_bytes

    return model_from_bytes(data).network
