"""All that a training run is told."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, MinLen, Unit
from typing_extensions import Doc

from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, MAIN_PANEL, Argument, Option, Section
from actors.specs.places import absolute
from actors.specs.workers import TrainWorkers
from infra.storage.options import StorageOptions
from mfp.engine_settings import Device
from mfp.setting import Effect
from mfp.training.recipe import Recipe

CheckpointEvery = Annotated[int, Ge(1), Unit("steps"), Doc("Steps between two checkpoints.")]
FLAGS_OF_RECIPE = {
    "name": Option("--recipe", "NAME|FILE", MAIN_PANEL, "the model's"),
    "model": Option("--model", "NAME", MAIN_PANEL, "the recipe's, lite0"),
    "steps": Option(panel=MAIN_PANEL),
    "frozen_statistics": Option("--frozen-statistics/--learned-statistics"),
}


@dataclass(frozen=True)
class Checkpoints:
    """Which states of a training run are kept."""

    checkpoint_every: CheckpointEvery = 250
    keep: Annotated[int, Ge(1), Unit("k"), Doc("Newest checkpoints that are kept, beside the best.")] = 2


@dataclass(frozen=True)
class Validating:
    """Evaluation while training, on the first `samples` of a held-out data set."""

    dataset: Annotated[
        str | None,
        LOCATION,
        Option("--validate", "DATASET"),
        Doc("Held-out shards on which NoC and mean IoU are measured while training."),
    ] = None
    every: Annotated[
        int,
        Ge(1),
        Unit("steps"),
        Option("--validate-every"),
        Doc("Steps between two validations; the last step has one too."),
    ] = 1000
    samples: Annotated[
        int, Ge(1), Unit("m"), Option("--validate-samples"), Doc("The first M samples are evaluated.")
    ] = 100


@dataclass(frozen=True, kw_only=True)
class TrainSpec:
    """One run of `mfp train`."""

    datasets: Annotated[
        tuple[str, ...],
        MinLen(1),
        Argument("DATASET[:SHARE]"),
        LOCATION,
        Effect.CONTENT,
        Doc("Folders or URLs of shards. With shares (s3://a:2 s3://b:1) they are mixed in that ratio."),
    ]
    out: Annotated[
        str,
        Option(metavar="RUN"),
        LOCATION,
        Effect.EXECUTION,
        Doc("Folder for checkpoints, log and models, a path or URL. Given again, training goes on."),
    ]
    recipe: Annotated[Recipe, Section("Recipe", options=FLAGS_OF_RECIPE)]
    init: Annotated[
        str | None,
        LOCATION,
        Effect.CONTENT,
        Option(metavar="WEIGHTS", shown_default="the model's own start: ImageNet for lite0"),
        Doc("Safetensors file to start from, a path or URL."),
    ] = None
    checkpoints: Annotated[Checkpoints, Effect.EXECUTION] = Checkpoints()
    seed: Annotated[int, Ge(0), Doc("Seed of every random draw.")] = 0
    validation: Annotated[Validating, Section("Validation"), Effect.EXECUTION] = Validating()
    workers: Annotated[TrainWorkers, Section("Workers"), Effect.EXECUTION] = TrainWorkers()
    device: Annotated[
        Device,
        Option(panel="Workers"),
        Effect.EXECUTION,
        Doc("auto: CUDA if there is a GPU, else the CPU."),
    ] = "auto"
    compile: Annotated[
        bool,
        Option(panel="Workers"),
        Effect.EXECUTION,
        Doc("Have torch.compile make kernels for the network: minutes at the start for faster steps."),
    ] = False
    storage: StorageSection = StorageOptions()

    def resolved(self) -> TrainSpec:
        """The same with absolute places, which hold on every machine that sees them."""
        validation = self.validation
        if validation.dataset is not None:
            validation = replace(validation, dataset=absolute(validation.dataset))
        return replace(
            self,
            datasets=tuple(absolute(dataset) for dataset in self.datasets),
            out=absolute(self.out),
            init=None if self.init is None else absolute(self.init),
            validation=validation,
        )
