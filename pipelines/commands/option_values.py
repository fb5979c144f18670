"""How the values of options and arguments are read; what cannot be read is wrong usage."""

from __future__ import annotations

import math

import typer

from pipelines.options import LOGGED_CLICKS_PREFIX, SIMULATED_CLICKS, TRAINING_RUN_PREFIX


def parse_workers(text: str) -> tuple[int, int]:
    """`4` -> (4, 4), `2:8` -> (2, 8): at least, at most."""
    first, colon, last = text.partition(":")
    try:
        minimum, maximum = int(first), int(last if colon else first)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number nor MIN:MAX") from None
    if not 1 <= minimum <= maximum:
        raise typer.BadParameter(f"{text!r}: needs 1 <= MIN <= MAX")
    return minimum, maximum


def checked_workers(text: str) -> str:
    """The text itself, once `parse_workers` can read it."""
    parse_workers(text)
    return text


def location(text: str) -> str:
    """A path or URL, with the home folder for `~`; also behind `logged:` and `run://`."""
    from infra.errors import StorageError
    from infra.storage.locations import expand_home, refuse_broken_url

    prefix = next((one for one in (LOGGED_CLICKS_PREFIX, TRAINING_RUN_PREFIX) if text.startswith(one)), "")
    try:
        expanded = expand_home(text.removeprefix(prefix))
        refuse_broken_url(expanded)
    except StorageError as error:
        raise typer.BadParameter(str(error)) from None
    return prefix + expanded


def mixed_location(text: str) -> str:
    """As `location`, with or without the share of a data set behind it, which is above 0."""
    from pipelines.errors import OptionError
    from pipelines.inputs.dataset_mix import parse_mix

    try:
        parse_mix(text)
    except OptionError as error:
        raise typer.BadParameter(str(error)) from None
    return location(text)


def above_zero(text: str) -> float:
    """A finite number above 0."""
    try:
        number = float(text)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is no number") from None
    if not 0 < number < math.inf:
        raise typer.BadParameter(f"{text!r} is not above 0")
    return number


def checked_object_values(text: str) -> str:
    """The text itself, once `ObjectValues.parse` can read it."""
    from infra.errors import InfraError
    from infra.layouts.object_values import ObjectValues

    try:
        ObjectValues.parse(text)
    except InfraError as error:
        raise typer.BadParameter(str(error)) from None
    return text


def checked_clicks(text: str) -> str:
    """`simulated` or `logged:URL`."""
    if text != SIMULATED_CLICKS and not text.removeprefix(LOGGED_CLICKS_PREFIX):
        raise typer.BadParameter(f"{text!r} names no click log after {LOGGED_CLICKS_PREFIX!r}")
    if text != SIMULATED_CLICKS and not text.startswith(LOGGED_CLICKS_PREFIX):
        raise typer.BadParameter(f"{text!r} is neither {SIMULATED_CLICKS!r} nor {LOGGED_CLICKS_PREFIX}URL")
    return location(text)
