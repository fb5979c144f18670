"""From what a person gave as --model to the bytes of a click model."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from actors.specs.model import MODEL_EXTENSION, ModelChoice
from infra.published_models import PublishedModel
from infra.storage.files import Storage
from mfp.errors import ModelError, WeightsError
from mfp.model_file import model_id_of, read_header
from mfp.models.names import ANALYTIC
from mfp.models.registry import config_by_name, config_from_json, trainable_names
from pipelines.inputs.model_names import check_model_name


@dataclass(frozen=True)
class ModelSource:
    """A model before it is built. `data` is its file's content; None is the analytic click model, which has none.

    `published` is what a training run says of it, if it was found there, and `step` the training step it is of.
    """

    name: str
    model_id: str
    data: bytes | None
    published: PublishedModel | None = None
    step: int | None = None


def find_model(name: str, storage: Storage) -> ModelSource:
    """Find a shipped model by its name, or read a safetensors file from a path or URL.

    Raises:
        ModelError: no shipped model of that name, and no path or URL of a file either.
        WeightsError: a file that is no model.
        StorageError: a file that cannot be read.

    """
    check_model_name(name, storage)
    if name == ANALYTIC:
        return ModelSource(ANALYTIC, ANALYTIC, None)
    if ModelChoice(name).is_location:
        data = storage.read_bytes(name)
    else:
        data = resources.files("mfp.weights").joinpath(name + MODEL_EXTENSION).read_bytes()
    try:
        read_header(data)
    except WeightsError as error:
        raise WeightsError(f"{name}: {error}") from None
    return ModelSource(name, model_id_of(data), data)


def trainable_name(model: ModelSource) -> str:
    """The name by which `mfp train` knows a model's architecture. ModelError if it cannot be trained."""
    if model.data is not None:
        config_type = type(config_from_json(read_header(model.data)["config"]))
        for name in trainable_names():
            if isinstance(config_by_name(name), config_type):
                return name
    raise ModelError(f"model {model.name} cannot be trained: choose from {', '.join(trainable_names())}")
