"""From what a person gave as --model to the click model that is meant."""

from __future__ import annotations

from importlib import resources

from actors.click_models.model_ref import Formula, ModelRef, Weights
from actors.click_models.plug_in import PlugIn, refuse_untrusted
from actors.specs.model import MODEL_EXTENSION, ModelChoice
from infra.storage.files import Storage
from mfp.click_model import ClickModel
from mfp.errors import ModelError, WeightsError
from mfp.model_file import model_id_of, read_header
from mfp.models.names import ANALYTIC
from mfp.models.registry import config_from_json, trainable_names, trained_as
from pipelines.inputs.model_names import check_model_name, named_plug_in


def find_model(choice: ModelChoice, storage: Storage) -> ModelRef:
    """Find a model that ships or that another package brings, or read a safetensors file from a path or URL.

    Raises:
        ModelError: no model of that name, and no path or URL of a file either; or a plug-in that cannot be made, or
            whose code is not trusted.
        WeightsError: a file that is no model.
        StorageError: a file that cannot be read.

    """
    plug_in = named_plug_in(choice)
    return _find_weights(choice, storage) if plug_in is None else _make(plug_in, choice)[0]


def find_and_build(choice: ModelChoice, storage: Storage) -> tuple[ModelRef, ClickModel]:
    """As `find_model`, with the model: that of a plug-in is known by what it says of itself once it is made."""
    plug_in = named_plug_in(choice)
    if plug_in is not None:
        ref, model = _make(plug_in, choice)
        return ref, ref.modulated(model, choice.modulation)
    ref = _find_weights(choice, storage)
    try:
        return ref, ref.build(choice.modulation)
    except WeightsError as error:
        raise WeightsError(f"{choice.name}: {error}") from None


def _make(plug_in: PlugIn, choice: ModelChoice) -> tuple[ModelRef, ClickModel]:
    refuse_untrusted(plug_in, choice)
    model = plug_in.make()
    return ModelRef(choice.name, plug_in.identity_of(model), plug_in), model


def _find_weights(choice: ModelChoice, storage: Storage) -> ModelRef:
    name = choice.name
    check_model_name(choice, storage)
    if choice.options:
        raise ModelError(
            f"--model-option {choice.options[0]}: {name} takes no options; they are for models of other packages"
        )
    if name == ANALYTIC:
        return ModelRef(ANALYTIC, ANALYTIC, Formula())
    if choice.is_location:
        data = storage.read_bytes(name)
    else:
        data = resources.files("mfp.weights").joinpath(name + MODEL_EXTENSION).read_bytes()
    try:
        read_header(data)
    except WeightsError as error:
        raise WeightsError(f"{name}: {error}") from None
    return ModelRef(name, model_id_of(data), Weights(data))


def refuse_plug_ins(choice: ModelChoice) -> None:
    """Raise ModelError for the model of another package, which cannot be trained; nothing of it is run."""
    if named_plug_in(choice) is not None:
        raise ModelError(f"model {choice.name} cannot be trained: choose from {', '.join(trainable_names())}")


def trainable_name(model: ModelRef) -> str:
    """The name by which `mfp train` knows a model's architecture. ModelError if it cannot be trained."""
    if isinstance(model.origin, Weights):
        return trained_as(config_from_json(read_header(model.origin.data)["config"]))
    raise ModelError(f"model {model.name} cannot be trained: choose from {', '.join(trainable_names())}")
