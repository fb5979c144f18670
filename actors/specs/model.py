"""Which click model a run works with."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

from typing_extensions import Doc

from actors.specs.marks import LOCATION, SPOKEN, Option
from actors.specs.places import absolute, is_in_home, is_place, is_there
from infra.storage.credentials import carries_credentials
from mfp.setting import Effect

Modulation: TypeAlias = Literal["model", "paper", "release"]
TRAINING_RUN_PREFIX = "run://"
_TAKE_A_FOLDER = {"isegm", "sam"}  # a word behind their colon may be a folder
PYTHON_PREFIX = "python"
_WITH_ARGUMENT = re.compile(r"[A-Za-z][\w.-]+:(?!//)")  # and neither a URL nor a drive of Windows
MODEL_EXTENSION = ".safetensors"
CHECKPOINT_EXTENSIONS = (
    *(".pth", ".pt", ".ckpt", ".pth.tar", ".tar", ".bin", ".pkl", ".pickle", ".onnx", ".h5", ".npz"),
)
ModelOptions: TypeAlias = Annotated[
    tuple[str, ...],
    Effect.CONTENT,
    Option("--model-option", "NAME=VALUE"),
    Doc("Option of a model that another package brings, such as checkpoint=FILE; may be repeated."),
]
TrustModelCode: TypeAlias = Annotated[
    bool,
    SPOKEN,
    Effect.EXECUTION,
    Doc("Run the code of such a model, and checkpoints that only unpickling can read: both can do anything."),
]


@dataclass(frozen=True)
class ModelChoice:
    """A click model by its name or place, and how clicks are shown to it."""

    name: Annotated[
        str,
        LOCATION,
        Effect.CONTENT,
        Option("--model", "MODEL"),
        Doc(
            "A shipped model (see `mfp models`), `analytic`, a path or URL of a safetensors file, or run:// and a "
            "training run, for its newest model. Of other packages: a name of `mfp models`, with an argument as in "
            "isegm:/path/to/clone, or python:MODULE:FUNCTION."
        ),
    ]
    modulation: Annotated[
        Modulation,
        Option(panel="Network"),
        Doc(
            "How clicks modulate the previous map: as the model says, as in the paper, or as in the released code."
        ),
    ] = "model"

    options: ModelOptions = ()
    trust_model_code: TrustModelCode = False

    def __post_init__(self) -> None:
        if not isinstance(self.name, str):
            raise ValueError(f"--model {self.name!r} is no text: give a name, a path or a URL")
        if not isinstance(self.options, list | tuple) or not all(
            isinstance(one, str) for one in self.options
        ):
            raise ValueError('options of a model are a list of texts: ("NAME=VALUE", "NAME=VALUE")')
        self._refuse_credentials()
        for option in self.options:
            if not option.partition("=")[0] or "=" not in option:
                raise ValueError(f"--model-option {option!r} is not NAME=VALUE")
        if self.training_run is not None and self.options:
            raise ValueError(
                f"--model-option {self.options[0]!r}: models of a training run take no options; they are for models of "
                "other packages"
            )
        if len(self.named_options) < len(self.options):
            raise ValueError(f"--model-option {' '.join(self.options)}: each name may be given once")
        if self.name == TRAINING_RUN_PREFIX:
            raise ValueError(
                f"--model {self.name!r} names no training run: give run:// and what `mfp train` had as --out"
            )

    @property
    def names_plug_in(self) -> bool:
        """Whether the name is `python:package.module:factory`, or a name with an argument behind a colon."""
        return is_plug_in_name(self.name)

    @property
    def argument(self) -> str:
        """What stands behind the name of a model of another package (`isegm:/path/to/clone`); empty if nothing does."""
        first, _, argument = self.name.partition(":")
        return argument if self.names_plug_in and first != PYTHON_PREFIX else ""

    @property
    def named_options(self) -> dict[str, str]:
        """The options by name."""
        pairs = (option.partition("=") for option in self.options)
        return {name: value for name, _, value in pairs}

    @property
    def is_location(self) -> bool:
        """Whether the name is the path or URL of a file, and no name."""
        if self.names_plug_in:
            return False
        return "/" in self.name or self.name.lower().endswith((MODEL_EXTENSION, *CHECKPOINT_EXTENSIONS))

    @property
    def training_run(self) -> str | None:
        """The training run whose newest model is meant; None if the name is that of one model."""
        if not self.name.startswith(TRAINING_RUN_PREFIX):
            return None
        return self.name.removeprefix(TRAINING_RUN_PREFIX)

    @property
    def places(self) -> list[str]:
        """What of the name is a path or URL."""
        if self.training_run is not None:
            return [self.training_run]
        if self.is_location:
            return [self.name]
        return [self.argument] if self._argument_is_place else []

    @property
    def places_of_options(self) -> list[str]:
        """Values of options that name something that is there; words and whole numbers are no paths."""
        return [value for value in self.named_options.values() if is_place(value)]

    @property
    def without_trust(self) -> ModelChoice:
        """The same without a word on trust, as records keep it: whoever reads one says it anew."""
        return replace(self, trust_model_code=False)

    def resolved(self) -> ModelChoice:
        """The same with absolute places, and with the options in the order of the alphabet, which means nothing.

        An argument or a value of an option is a place if something is there; see `is_place`.
        """
        name = self.name
        if self.training_run is not None:
            name = TRAINING_RUN_PREFIX + absolute(self.training_run)
        elif self.is_location:
            name = absolute(name)
        elif self._argument_is_place or is_in_home(self.argument):
            name = name.removesuffix(self.argument) + absolute(self.argument)
        options = [
            f"{option}={absolute(value) if is_place(value) or is_in_home(value) else value}"
            for option, value in self.named_options.items()
        ]
        return replace(self, name=name, options=tuple(sorted(options)))

    @property
    def _argument_is_place(self) -> bool:
        first = self.name.partition(":")[0]
        return is_there(self.argument) if first in _TAKE_A_FOLDER else is_place(self.argument)

    def _refuse_credentials(self) -> None:
        """Before all else: other messages show what was given."""
        said = [("--model", self.training_run or self.argument or self.name)]
        for option in self.options:
            name, equals, value = option.partition("=")
            said.append((f"--model-option {name}", value) if equals else ("--model-option", option))
        for what, value in said:
            if carries_credentials(value):
                raise ValueError(
                    f"{what} carries a password, a token or a signature, and is written into records and logs: leave "
                    "that out, and fetch the file first"
                )


def is_plug_in_name(name: str) -> bool:
    """Whether a name has a word of two letters or more before a colon, and is no URL."""
    return _WITH_ARGUMENT.match(name) is not None
