"""How the values of options and arguments are read; what cannot be read is wrong usage."""

from __future__ import annotations

import math
import re
import typing
from collections.abc import Callable, Mapping
from typing import Any

import typer

from actors.specs.clicks import origin_of
from actors.specs.leaves import Leaf
from actors.specs.model import is_plug_in_name
from actors.specs.places import is_in_home
from actors.specs.prefixed import prefix_of
from actors.specs.start import start_origin_of
from actors.specs.workers import parse_count


def location(text: str) -> str:
    """A path or URL, with the home folder for `~`; also behind `logged:` and its like."""
    from infra.errors import StorageError
    from infra.storage.locations import expand_home, refuse_broken_url

    prefix = prefix_of(text)
    try:
        expanded = expand_home(text.removeprefix(prefix))
        refuse_broken_url(expanded)
    except StorageError as error:
        raise typer.BadParameter(str(error)) from None
    return prefix + expanded


def model(text: str) -> str:
    """A model's name, or a path or URL as `location`; behind `isegm:` and the like `~` is the home folder too."""
    from infra.storage.locations import is_known_scheme

    name, colon, argument = text.partition(":")
    if is_plug_in_name(text) and not is_known_scheme(name):
        is_word = argument == "" or (argument.startswith("~") and not is_in_home(argument))
        return text if is_word else name + colon + location(argument)
    return location(text)


def model_option(text: str) -> str:
    """NAME=VALUE, with the home folder for the `~` of a value such as `~/last.pth`."""
    name, equals, value = text.partition("=")
    return name + equals + (location(value) if is_in_home(value) else value)


def endpoint(text: str) -> str:
    """The URL of an S3 server."""
    from infra.errors import StorageError
    from infra.storage.credentials import refuse_credentials_in_endpoint

    try:
        refuse_credentials_in_endpoint(text)  # first, since what `location` says shows the text
    except StorageError as error:
        raise typer.BadParameter(str(error)) from None
    return location(text)


def mixed_location(text: str) -> str:
    """As `location`, with or without the share of a data set behind it, which is above 0."""
    from pipelines.errors import OptionError
    from pipelines.inputs.dataset_mix import parse_mix

    try:
        parse_mix(text)
    except OptionError as error:
        raise typer.BadParameter(str(error)) from None
    return location(text)


def checked_workers(text: str) -> str:
    """The text itself if it says how many workers there may be."""
    try:
        parse_count(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def checked_clicks(text: str) -> str:
    """What `Clicks.source` may be."""
    try:
        origin_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return location(text) if prefix_of(text) else text


def checked_start(text: str) -> str:
    """What `Start.source` may be."""
    try:
        start_origin_of(text)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from None
    return location(text) if prefix_of(text) else text


def number_type(leaf: Leaf) -> type[int] | type[float] | None:
    """`int` or `float` for a setting that may be a number, beside words maybe; None for one that may not."""
    kinds = {
        typing.get_args(one)[0] if typing.get_origin(one) is typing.Annotated else one for one in _kinds(leaf)
    }
    return next((kind for kind in (float, int) if kind in kinds), None)


def _kinds(leaf: Leaf) -> tuple[Any, ...]:
    return typing.get_args(leaf.kind) if typing.get_args(leaf.kind) else (leaf.kind,)


def number_or_word(given: Any, leaf: Leaf) -> Any:
    """A number within the bounds of a setting, or one of its words."""
    if not isinstance(given, str) or given in leaf.words:
        return given
    kind = number_type(leaf)
    assert kind is not None, "the setting may be a number"
    rule = " or ".join([_range(leaf), *leaf.words])
    try:
        number = kind(given)
    except ValueError:
        raise typer.BadParameter(f"{given!r} is not {rule}") from None
    is_low = leaf.lower is not None and (number <= leaf.lower if leaf.is_above else number < leaf.lower)
    is_high = leaf.upper is not None and (number >= leaf.upper if leaf.is_below else number > leaf.upper)
    if is_low or is_high or not math.isfinite(number):
        raise typer.BadParameter(f"{given!r} is not {rule}")
    return number


def _range(leaf: Leaf) -> str:
    return f"{'a number' if number_type(leaf) is float else 'a whole number'}{leaf.bounds_in_words}"


def numbers(given: Any, kind: Any) -> Any:
    """Several numbers, with commas or x between them; one number stands for all if their count is fixed."""
    if not isinstance(given, str):
        return given
    one, *others = typing.get_args(kind)
    try:
        values = tuple(one(part) for part in re.split(r"[x,]", given) if part)
    except ValueError:
        raise typer.BadParameter(
            f"{given!r} is neither a number nor several with x or commas between them"
        ) from None
    if Ellipsis in others:
        return values
    count = 1 + len(others)
    if len(values) == 1:
        values *= count
    if len(values) != count:
        raise typer.BadParameter(f"{given!r}: {count} numbers are needed, or one for all")
    return values


def complete_model(incomplete: str) -> list[str]:
    """The shipped models, and those that other packages bring, that begin so."""
    from actors.click_models.installed import installed_models
    from pipelines.inputs.model_names import shipped_models

    names = dict.fromkeys([*shipped_models(), *(entry.name for entry in installed_models())])
    return [name for name in names if name.startswith(incomplete)]


def complete_network(incomplete: str) -> list[str]:
    """The networks to train that begin so."""
    from mfp.models.names import TRAINABLE_NAMES

    return [name for name in TRAINABLE_NAMES if name.startswith(incomplete)]


def complete_recipe(incomplete: str) -> list[str]:
    """The shipped recipes that begin so."""
    from pipelines.inputs.recipe_names import recipe_names

    return [name for name in recipe_names() if name.startswith(incomplete)]


_PARSERS: Mapping[str, Callable[[str], str]] = {
    "name": model,  # of `mfp check-model`
    "options": model_option,
    "model.name": model,
    "model.options": model_option,
    "datasets": mixed_location,
    "clicks.source": checked_clicks,
    "start.source": checked_start,
    "workers.count": checked_workers,
    "workers.label_workers": checked_workers,
    "workers.train_workers": checked_workers,
    "recipe.name": location,
    "reading.split": location,
    "storage.endpoint": endpoint,
}
"""Settings whose text is more than a text, by their dotted names; those that are places need no entry."""


def parser_of(leaf: Leaf) -> Callable[[str], str] | None:
    """What reads the text of a setting; None if the text is the value."""
    return _PARSERS.get(leaf.name) or (location if leaf.is_location else None)


COMPLETIONS: Mapping[str, Callable[[str], list[str]]] = {
    "model.name": complete_model,
    "recipe.name": complete_recipe,
    "recipe.model": complete_network,
}
