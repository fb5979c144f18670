"""A click model on its way to the engine: its file, and what it is once built."""

from __future__ import annotations

from dataclasses import dataclass

from mfp.click_model import CropModel
from mfp.engine import Engine
from mfp.engine_settings import EngineSettings
from mfp.models.analytic import AnalyticClickModel
from mfp.modulation import Variant


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


def load_network(model: bytes | None, modulation: Variant | None) -> CropModel:
    """The network in a model file, shown clicks as the run wants it; `modulation` None is as the file says."""
    if model is None:
        return AnalyticClickModel()
    # timm takes as long to import as everything else in a worker; the analytic model does without
    from mfp.model_file import model_from_bytes

    network = model_from_bytes(model).network
    return network if modulation is None else network.with_modulation(modulation)
