"""Click models that come with other packages: found by an entry point, or named as `python:package.module:factory`."""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, packages_distributions, version
from pathlib import Path
from typing import Any

from actors.click_models.foreign_code import load_factory
from actors.click_models.foreign_errors import plug_in_told_in_one_line
from actors.click_models.installed import installed_model
from actors.specs.model import PYTHON_PREFIX, ModelChoice
from actors.specs.places import is_there
from mfp.click_model import ClickModel, CropModel, ModelTraits, SessionModel
from mfp.errors import ModelError

_SHOWN = 16  # hexadecimal digits of an identity
_OUR_SHELF = "actors.click_models."
# it reads safetensors, and runs the code of transformers alone
_RUN_NO_FOREIGN_CODE = {"actors.click_models.sam:sam"}


@dataclass(frozen=True)
class PlugIn:
    """A click model of another package, as a person has named it.

    Attributes:
        factory: the function that makes it, as `package.module:function`.
        package: the distribution that it belongs to, with its version; both empty if it belongs to none.
        version: see above.
        argument: what stands behind the name (`isegm:/path/to/clone`); empty if nothing does.
        options: names and values of `--model-option`, sorted.
    """

    factory: str
    package: str
    version: str
    argument: str = ""
    options: tuple[tuple[str, str], ...] = ()

    def identity_of(self, model: ClickModel) -> str:
        """What rows of the model carry.

        It changes with the package, its version, what was given, and with what the model says of itself. A file counts
        by its content, a folder by what the model says. The models that come with us say all of it.
        """
        if self.factory.startswith(_OUR_SHELF):
            return model.traits.identity
        given = [_content(self.argument), {name: _content(value) for name, value in self.options}]
        said = [self.factory, self.package, self.version, given, model.traits.identity]
        return hashlib.sha256(json.dumps(said).encode()).hexdigest()[:_SHOWN]

    def make(self) -> ClickModel:
        """The model, whatever its identity.

        Raises:
            ModelError: the package is not here, its factory does not take the options, or what it makes is no click
                model.
            MfpError: what the factory raises; errors of other kinds become a ModelError.

        """
        factory = load_factory(self.factory)
        positional, named = (self.argument,) if self.argument else (), dict(self.options)
        self._check_arguments(factory, positional, named)
        with plug_in_told_in_one_line(f"the click model {self.factory} cannot be made"):
            return self._checked(factory(*positional, **named))

    def _check_arguments(
        self, factory: Callable[..., Any], positional: tuple[str, ...], named: dict[str, str]
    ) -> None:
        try:
            signature = inspect.signature(factory)
        except ValueError:  # some functions that are not written in Python have none
            return
        try:
            signature.bind(*positional, **named)
        except TypeError as error:
            raise ModelError(
                f"{self.factory}{signature} cannot be called with what was given: {error}; options are given as "
                "--model-option NAME=VALUE, what takes no name as --model NAME:VALUE"
            ) from None

    def _checked(self, model: object) -> ClickModel:
        if not isinstance(model, CropModel | SessionModel):
            raise ModelError(
                f"{self.factory} has made a {type(model).__name__}, which is no click model: it needs the attributes "
                "of mfp.click_model.CropModel or SessionModel"
            )
        traits: object = model.traits
        if not (isinstance(traits, ModelTraits) and isinstance(traits.identity, str)):
            raise ModelError(
                f"the traits of {self.factory} are {traits!r}: must be a mfp.click_model.ModelTraits whose identity is "
                "a text"
            )
        return model

    def build(self, identity: str) -> ClickModel:
        """The model if it is the one of that identity.

        Raises:
            ModelError: the package is not here, or it is of another version, or its checkpoint is another.

        """
        here = self._found_here()
        if here != (self.package, self.version):
            raise ModelError(
                f"the click model {self.factory} is {' '.join(here).strip() or 'of no package'} here and "
                f"{' '.join((self.package, self.version)).strip() or 'of no package'} where the run was begun: install "
                "the same one on every node, in its image or its runtime environment"
            )
        model = self.make()
        found = self.identity_of(model)
        if found != identity:
            raise ModelError(
                f"the click model {self.factory} is {found} here and {identity} where the run was begun: its "
                "checkpoint or its code differs; bring the same files to every node"
            )
        return model

    def _found_here(self) -> tuple[str, str]:
        """The distribution and its version; several may share the first part of a module's name."""
        if not self.package:
            return found_version(self.factory)
        try:
            return self.package, version(self.package)
        except PackageNotFoundError:
            return "", ""


def _content(value: str) -> str:
    """What an argument or option counts as: a file as its SHA-256, a folder as nothing, and other text as itself.

    Raises:
        ModelError: a file cannot be read.

    """
    # only an absolute path is one: a word means the same in every working directory
    if not (Path(value).is_absolute() and is_there(value)):
        return value
    if Path(value).is_dir():
        return ""
    try:
        with Path(value).open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise ModelError(f"{value} cannot be read: {error.strerror}") from None


def found_version(factory: str) -> tuple[str, str]:
    """The distribution that a factory's package belongs to here, and its version; empty if it belongs to none."""
    package = factory.partition(":")[0].partition(".")[0]
    names = sorted(set(packages_distributions().get(package, [])))
    return (names[0], version(names[0])) if names else ("", "")


def plug_in_of(choice: ModelChoice) -> PlugIn | None:
    """The plug-in that a person's choice means, None if it means none.

    `python:package.module:factory`, the name of an entry point, or such a name with an argument behind a colon.

    Raises:
        ModelError: two packages bring a model of that name.

    """
    options = tuple(sorted(choice.named_options.items()))
    first, _, rest = choice.name.partition(":")
    if rest.startswith("//"):
        return None
    if first == PYTHON_PREFIX:
        return PlugIn(rest, *found_version(rest), options=options) if rest else None
    entry = installed_model(first)
    if entry is None:
        return None
    found = (entry.dist.name, entry.dist.version) if entry.dist else found_version(entry.value)
    return PlugIn(entry.value, *found, rest, options)


def refuse_untrusted(plug_in: PlugIn, choice: ModelChoice) -> None:
    """Raise ModelError unless the person has said that the code may run; ours that unpickles nothing may."""
    if not choice.trust_model_code and plug_in.factory not in _RUN_NO_FOREIGN_CODE:
        is_clone = plug_in.factory.startswith(_OUR_SHELF)
        owner = "that clone and of its pickled checkpoint" if is_clone else plug_in.package or plug_in.factory
        raise trust_error(choice, owner)


def trust_error(choice: ModelChoice, owner: str) -> ModelError:
    """What to raise if the person has not said that the code of a package may run."""
    return ModelError(
        f"--model {choice.name} runs the code of {owner} in this process and on every worker, where it can do "
        "anything: give --trust-model-code if you trust it"
    )
