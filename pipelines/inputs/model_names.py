"""What was given as --model, as far as its name tells: no network library is loaded for a mistyped one."""

from __future__ import annotations

from importlib import resources
from typing import TYPE_CHECKING

from actors.click_models.installed import installed_model, installed_models
from actors.specs.model import (
    CHECKPOINT_EXTENSIONS,
    MODEL_EXTENSION,
    PYTHON_PREFIX,
    TRAINING_RUN_PREFIX,
    ModelChoice,
)
from infra.storage.files import Storage, basename
from mfp.errors import ModelError, WeightsError
from mfp.models.names import ANALYTIC
from pipelines.errors import OptionError
from pipelines.inputs.did_you_mean import did_you_mean

if TYPE_CHECKING:
    from actors.click_models.plug_in import PlugIn


def shipped_models() -> list[str]:
    """The names of the models inside this package, `analytic` included."""
    files = resources.files("mfp.weights").iterdir()
    names = sorted(
        file.name.removesuffix(MODEL_EXTENSION) for file in files if file.name.endswith(MODEL_EXTENSION)
    )
    return [*names, ANALYTIC]


def check_model_name(choice: ModelChoice, storage: Storage) -> None:
    """Refuse what `find_model` would refuse after the network library was loaded.

    Raises:
        ModelError: no model of that name, and no path or URL either; or two packages bring one of that name.
        WeightsError: a checkpoint of another program, which has to be converted first.
        StorageError: there is no such file, or it cannot be asked for.

    """
    name = choice.name
    first, _, rest = name.partition(":")
    if choice.names_plug_in:
        if first == PYTHON_PREFIX and not rest:
            raise ModelError(f"--model {name} names no function: write python:package.module:factory")
        if first != PYTHON_PREFIX and installed_model(first) is None:
            raise ModelError(
                f"--model {name}: no installed package brings a click model {first!r}"
                f"{did_you_mean(first, _names_of_packages())}: `mfp models` lists those there are; "
                "python:package.module:factory names a function"
            )
        return
    if not choice.is_location:
        if name not in shipped_models() and installed_model(name) is None:
            raise ModelError(unknown_model(name))
        return
    if not storage.exists(name):
        reason = "it is a folder" if storage.is_dir(name) else "there is no such file"
        raise ModelError(f"--model {name}: {reason}; {_what_else()}")
    if name.lower().endswith(CHECKPOINT_EXTENSIONS):
        stem = basename(name).partition(".")[0]
        raise WeightsError(
            f"--model {name} is a checkpoint of another program and no model file: `mfp convert {name} "
            f"{stem}{MODEL_EXTENSION}` makes one of it"
        )


def named_plug_in(choice: ModelChoice) -> PlugIn | None:
    """The model of another package that a choice means; None if it means none, or if its package is not here.

    Raises:
        ModelError: two packages bring a model of that name.

    """
    from actors.click_models.plug_in import plug_in_of

    return None if choice.name in shipped_models() else plug_in_of(choice)


def check_trust(choice: ModelChoice) -> None:
    """Raise ModelError for a click model of another package whose code is not trusted, installed here or not."""
    from actors.click_models.plug_in import refuse_untrusted, trust_error

    plug_in = named_plug_in(choice)
    if plug_in is not None:
        refuse_untrusted(plug_in, choice)
    elif choice.names_plug_in and not choice.trust_model_code:
        raise trust_error(choice, "a package that is not installed here")


def check_output_name(out: str) -> None:
    """Raise OptionError unless `out` ends as the name of a model file does."""
    if not out.endswith(MODEL_EXTENSION):
        raise OptionError(f"{out}: a model file's name ends in {MODEL_EXTENSION}; name the output so")


def unknown_model(name: str) -> str:
    """What to tell a person who has given a name that no model has."""
    known = [*shipped_models(), *_names_of_packages()]
    return f"model {name!r} is unknown{did_you_mean(name, known)}; {_what_else()}"


def _names_of_packages() -> list[str]:
    return [entry.name for entry in installed_models()]


def _what_else() -> str:
    return (
        f"shipped are {', '.join(shipped_models())}; `mfp models` lists those of other packages, and "
        f"python:package.module:factory names a function; else give the path or URL of a {MODEL_EXTENSION} file, or "
        f"{TRAINING_RUN_PREFIX} and the directory of a training run"
    )
