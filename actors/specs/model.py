"""Which click model a run works with."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated, Literal, TypeAlias

from typing_extensions import Doc

from actors.specs.marks import LOCATION, Option
from actors.specs.places import absolute
from mfp.setting import Effect

Modulation: TypeAlias = Literal["model", "paper", "release"]
TRAINING_RUN_PREFIX = "run://"
MODEL_EXTENSION = ".safetensors"
CHECKPOINT_EXTENSIONS = (
    *(".pth", ".pt", ".ckpt", ".pth.tar", ".tar", ".bin", ".pkl", ".pickle", ".onnx", ".h5", ".npz"),
)


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
            "training run, for its newest model."
        ),
    ]
    modulation: Annotated[
        Modulation,
        Option(panel="Network"),
        Doc(
            "How clicks modulate the previous map: as the model says, as in the paper, or as in the released code."
        ),
    ] = "model"

    def __post_init__(self) -> None:
        if self.name == TRAINING_RUN_PREFIX:
            raise ValueError(
                f"--model {self.name!r} names no training run: give run:// and what `mfp train` had as --out"
            )

    @property
    def is_location(self) -> bool:
        """Whether the name is the path or URL of a file, and no name."""
        return "/" in self.name or self.name.lower().endswith((MODEL_EXTENSION, *CHECKPOINT_EXTENSIONS))

    @property
    def training_run(self) -> str | None:
        """The training run whose newest model is meant; None if the name is that of one model."""
        if not self.name.startswith(TRAINING_RUN_PREFIX):
            return None
        return self.name.removeprefix(TRAINING_RUN_PREFIX)

    def resolved(self) -> ModelChoice:
        """The same with an absolute place."""
        if self.training_run is not None:
            return replace(self, name=TRAINING_RUN_PREFIX + absolute(self.training_run))
        return replace(self, name=absolute(self.name)) if self.is_location else self
