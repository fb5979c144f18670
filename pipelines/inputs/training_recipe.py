"""Recipes as TOML files, and what is changed in them."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from mfp.models.names import TRAINABLE_NAMES
from mfp.training.recipe import Recipe
from pipelines.errors import OptionError
from pipelines.inputs.did_you_mean import did_you_mean
from pipelines.inputs.recipe_names import check_recipe_name, recipe_names

DEFAULT_MODEL = "lite0"
_RECIPE_OF_MODEL = {"vit_b": "vit_b_sbd"}  # others have one of their own name


def recipe(name: str = "", **changes: Any) -> Recipe:
    """A recipe by its name or path, with some values changed; without a name that of `model`, or of lite0.

    Raises:
        OptionError: there is no such recipe, or a value that it cannot have.

    """
    model = changes.get("model", DEFAULT_MODEL)
    name = name or _RECIPE_OF_MODEL.get(model, model)
    if name == model and name not in recipe_names():
        raise OptionError(
            f"model {model!r} has no recipe{did_you_mean(model, TRAINABLE_NAMES)}: choose from "
            f"{', '.join(TRAINABLE_NAMES)}, or give --recipe"
        )
    path = check_recipe_name(name)
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise OptionError(f"recipe {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"recipe {path} is no TOML: {error}") from None
    return _strict(f"recipe {path}", {"name": name} | document | _listed(changes))


def changed(base: Recipe, **changes: Any) -> Recipe:
    """The same recipe with some values changed. OptionError for a value that it cannot have."""
    values = {field.name: getattr(base, field.name) for field in fields(Recipe)}
    return _strict(f"recipe {base.name}", _listed(values | changes))


def _strict(what: str, document: Mapping[str, Any]) -> Recipe:
    from infra.strict_json import from_json  # with the codec, which takes a while

    try:
        return from_json(Recipe, document)
    except (ValueError, TypeError) as error:
        raise OptionError(f"{what}: {error}; see the shipped recipes") from None


def _listed(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: list(value) if isinstance(value, tuple) else value for name, value in values.items()}
