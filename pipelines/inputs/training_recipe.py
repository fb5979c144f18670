"""Recipes as TOML files, and what a person's options change in them."""

from __future__ import annotations

import tomllib
import typing
from collections.abc import Mapping
from dataclasses import fields, replace
from pathlib import Path
from typing import Any, Literal

from mfp.errors import TrainingError
from mfp.models.registry import trainable_names
from mfp.training.recipe import Recipe
from pipelines.errors import OptionError
from pipelines.inputs.recipe_names import check_recipe_name, recipe_names
from pipelines.options import TrainOptions

_TYPES: Mapping[str, Any] = typing.get_type_hints(Recipe)
_RECIPE_OF_MODEL = {"vit_b": "vit_b_sbd"}  # others have one of their own name


def chosen_recipe(options: TrainOptions) -> Recipe:
    """The recipe that the options name, with what they say otherwise put in its place.

    Raises:
        OptionError: no such recipe.
        TrainingError, ModelError: a value that cannot be used.
    """
    name = options.recipe or _RECIPE_OF_MODEL.get(options.model or "lite0", options.model or "lite0")
    if options.recipe is None and name not in recipe_names():
        raise OptionError(
            f"model {options.model!r} has no recipe: choose from {', '.join(trainable_names())}, or give --recipe"
        )
    recipe = load_recipe(name)
    given = {
        field.name: value
        for field in fields(Recipe)
        if (value := getattr(options, field.name, None)) is not None
    }
    return replace(recipe, **given)


def load_recipe(name_or_path: str) -> Recipe:
    """Read a recipe by name or path.

    Raises:
        OptionError: there is none, or it is not what a recipe is: every value is needed, and no other is taken.
        TrainingError: a value out of its range.
    """
    path = check_recipe_name(name_or_path)
    try:
        document = tomllib.loads(path.read_text())
    except OSError as error:
        raise OptionError(f"recipe {path} cannot be read: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise OptionError(f"recipe {path} is no TOML: {error}") from None
    unknown, missing = sorted(document.keys() - _TYPES.keys()), sorted(_TYPES.keys() - document.keys())
    if unknown or missing:
        raise OptionError(
            f"recipe {path}: unknown keys {unknown}, missing keys {missing}; see the shipped recipes"
        )
    try:
        return Recipe(**{key: _value(path, key, document[key]) for key in _TYPES})
    except TrainingError as error:
        raise TrainingError(f"recipe {path}: {error}") from None


def _value(path: Path, key: str, value: Any) -> Any:
    kind = _TYPES[key]
    if key == "crop_size" and type(value) is int:
        return value, value
    origin, arguments = typing.get_origin(kind), typing.get_args(kind)
    if (
        origin is tuple
        and isinstance(value, list)
        and (Ellipsis in arguments or len(value) == len(arguments))
    ):
        if all(_is_plain(item, arguments[0]) for item in value):
            return tuple(arguments[0](item) for item in value)
    elif origin is Literal:
        if value in arguments:
            return value
        raise OptionError(f"recipe {path}: {key} = {value!r} must be one of {', '.join(arguments)}")
    elif origin is None and _is_plain(value, kind):
        return kind(value)
    raise OptionError(f"recipe {path}: {key} = {value!r} is no {_named(kind)}")


def _is_plain(value: Any, kind: Any) -> bool:
    return type(value) is kind or (kind is float and type(value) is int)


def _named(kind: Any) -> str:
    if typing.get_origin(kind) is not tuple:
        return {int: "whole number", float: "number", str: "text", bool: "true or false"}[kind]
    arguments = typing.get_args(kind)
    number = "" if Ellipsis in arguments else f"{len(arguments)} "
    return f"list of {number}{_named(arguments[0])}s"
