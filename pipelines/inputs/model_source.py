"""From what a person gave as --model to the bytes of a click model."""

from __future__ import annotations

from dataclasses import dataclass
from importlib import resources

from infra.published_models import PublishedModel
from infra.storage.files import Storage
from mfp.errors import ModelError, WeightsError
from mfp.model_file import model_id_of, read_header
from mfp.models.registry import ANALYTIC, config_by_name, config_from_json, trainable_names
from pipelines.options import TRAINING_RUN_PREFIX


@dataclass(frozen=True)
class ModelSource:
    """A model before it is built. `data` is its file's content; None is the analytic click model, which has none.

    `published` is what a training run says of it, where it was found there.
    """

    name: str
    model_id: str
    data: bytes | None
    published: PublishedModel | None = None


def shipped_models() -> list[str]:
    """The names of the models inside this package, `analytic` included."""
    files = resources.files("mfp.weights").iterdir()
    names = sorted(file.name.removesuffix(_EXTENSION) for file in files if file.name.endswith(_EXTENSION))
    return [*names, ANALYTIC]


def is_location(name: str) -> bool:
    """Whether what was given as --model is a path or URL, and not a name."""
    return "/" in name or name.endswith(_EXTENSION)


def find_model(name: str, storage: Storage) -> ModelSource:
    """Find a shipped model by its name, or read a safetensors file from a path or URL.

    Raises:
        ModelError: no shipped model of that name, and no path or URL either.
        WeightsError: a file that is no model.
        StorageError: a file that cannot be read.

    """
    if name == ANALYTIC:
        return ModelSource(ANALYTIC, ANALYTIC, None)
    if name in shipped_models():
        data = resources.files("mfp.weights").joinpath(name + _EXTENSION).read_bytes()
    elif is_location(name):
        data = storage.read_bytes(name)
    else:
        raise ModelError(
            f"model {name!r} is unknown; shipped are {', '.join(shipped_models())}, anything else is the path or "
            f"URL of a {_EXTENSION} file, or {TRAINING_RUN_PREFIX} and the directory of a training run"
        )
    try:
        read_header(data)
    except WeightsError as error:
        raise WeightsError(f"{name}: {error}") from None
    return ModelSource(name, model_id_of(data), data)


def trainable_name(model: ModelSource) -> str:
    """The name by which `mfp train` knows a model's architecture. ModelError where it cannot be trained."""
    if model.data is not None:
        config_type = type(config_from_json(read_header(model.data)["config"]))
        for name in trainable_names():
            if isinstance(config_by_name(name), config_type):
                return name
    raise ModelError(f"model {model.name} cannot be trained: choose from {', '.join(trainable_names())}")


_EXTENSION = ".safetensors"
