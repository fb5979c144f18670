"""The values of a recipe for which no option was given: those of the recipe that was named, or of the model's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

Values = Mapping[tuple[str, ...], Any]
_PUT_ASIDE = {"steps": "train_steps", "model": "model.name", "frozen_statistics": "frozen_statistics"}


def of_training(values: Values) -> Values:
    """Complete the recipe of `mfp train`.

    Raises:
        OptionError: there is no such recipe.

    """
    from pipelines.inputs.training_recipe import recipe

    changes = _of_recipe(values)
    return _completed(values, recipe(changes.pop("name", ""), **changes))


def of_flywheel(values: Values) -> Values:
    """Complete the recipe of `mfp flywheel`: without a name that of the model which it begins with.

    Raises:
        OptionError, ModelError: there is no such recipe, or the model cannot be trained.
        InfraError: the model's file cannot be read.

    """
    from pipelines.errors import OptionError
    from pipelines.inputs.training_recipe import recipe

    changes = _of_recipe(values)
    for name, instead in _PUT_ASIDE.items():
        if name in changes:
            raise OptionError(f"recipe.{name} says nothing of a flywheel: give {instead}")
    if "name" not in changes and ("model", "name") in values:
        changes["model"] = _network_of(values)
    return _completed(values, recipe(changes.pop("name", ""), **changes))


def _network_of(values: Values) -> str:
    """The network of the model that a flywheel begins with, as `mfp train` calls it."""
    from actors.specs.model import TRAINING_RUN_PREFIX, ModelChoice
    from infra.storage.files import Storage
    from infra.storage.options import StorageOptions
    from pipelines.errors import OptionError
    from pipelines.inputs.model_names import check_model_name

    choice = ModelChoice(values["model", "name"])
    if choice.training_run is not None:
        raise OptionError(
            f"--model {choice.name}: a flywheel begins with one model: give a shipped one, or a file of that run's "
            f"models/ instead of {TRAINING_RUN_PREFIX}"
        )
    storage = Storage(StorageOptions(values.get(("storage", "endpoint")), values.get(("storage", "region"))))
    check_model_name(choice, storage)
    from pipelines.inputs.model_source import find_model, refuse_plug_ins, trainable_name

    refuse_plug_ins(choice)
    return trainable_name(find_model(choice, storage))


def _of_recipe(values: Values) -> dict[str, Any]:
    return {path[1]: value for path, value in values.items() if path[0] == "recipe"}


def _completed(values: Values, recipe: Any) -> Values:
    others = {path: value for path, value in values.items() if path[0] != "recipe"}
    return {**others, ("recipe",): recipe}
