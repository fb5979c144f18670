"""All that a flywheel is told: labelling and training side by side, round after round."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Annotated

from annotated_types import Ge, Interval, Unit
from typing_extensions import Doc

from actors.specs.click_log import ClickLogSection, check_log_options
from actors.specs.clicks import BoxCentre, Clicks
from actors.specs.label import StorageSection
from actors.specs.marks import LOCATION, Argument, Option, Section
from actors.specs.model import ModelChoice
from actors.specs.places import absolute
from actors.specs.train import FLAGS_OF_RECIPE, CheckpointEvery
from actors.specs.workers import FlywheelWorkers
from infra.click_logs.options import ClickLogOptions
from infra.storage.options import StorageOptions
from mfp.engine_settings import EngineSettings
from mfp.setting import Effect
from mfp.training.recipe import Recipe

_SHOWN_OF_RECIPE = {"name", "crop_size", "batch_size", "rate"}
_HIDDEN_OF_RECIPE = frozenset(Recipe.__annotations__) - _SHOWN_OF_RECIPE
# --batch-size and --precision are those of the recipe here; without its zoom-in a model labels worse
_HIDDEN_OF_NETWORK = frozenset({"batch_size", "precision", "zoom"})


@dataclass(frozen=True)
class Thresholds:
    """What an object's mask must reach to be trained on.

    Of lite0's masks about a quarter reach a quality of 0.7 (docs/training.md).
    """

    min_quality: Annotated[
        float,
        Interval(ge=0, le=1),
        Unit("q"),
        Doc("Train on masks of this quality: the IoU that the probability map expects of its mask."),
    ] = 0.7
    min_iou: Annotated[
        Annotated[float, Interval(ge=0, le=1)] | None,
        Unit("iou"),
        Option(shown_default="not asked for"),
        Doc("And of this IoU with the truth, if there is any."),
    ] = None
    min_area: Annotated[
        int, Ge(0), Unit("pixels"), Doc("And of this many pixels: smaller objects are of no use to training.")
    ] = 80


@dataclass(frozen=True, kw_only=True)
class FlywheelSpec:
    """One run of `mfp flywheel`.

    `unlabelled` is labelled in `rounds` parts while training goes on, on `train_on` and what was selected in the rounds
    before; `evaluation` is only evaluated on. Of the recipe `steps`, `model` and `frozen_statistics` are put aside: for
    `train_steps`, the network of `model`, and the field of that name.
    """

    unlabelled: Annotated[
        str,
        Argument("UNLABELLED"),
        LOCATION,
        Effect.CONTENT,
        Doc("Folder or URL of the shards to label and learn from."),
    ]
    train_on: Annotated[
        tuple[str, ...],
        Option(metavar="DATASET"),
        LOCATION,
        Effect.CONTENT,
        Doc("Shards with masks to train on from the beginning; may be repeated."),
    ]
    evaluation: Annotated[
        str,
        Option(metavar="DATASET"),
        LOCATION,
        Effect.CONTENT,
        Doc("Shards with masks that are never trained on: NoC is measured on them before and after."),
    ]
    out: Annotated[
        str,
        Option(metavar="FOLDER"),
        LOCATION,
        Effect.EXECUTION,
        Doc("Folder for everything, a path or URL. Given again, it goes on."),
    ]
    model: Annotated[ModelChoice, Section(hidden=frozenset({"modulation", "options", "trust_model_code"}))]
    recipe: Annotated[
        Recipe,
        Section(
            "Recipe",
            options=FLAGS_OF_RECIPE,
            hidden=_HIDDEN_OF_RECIPE,
        ),
    ]
    rounds: Annotated[int, Ge(1), Doc("Parts in which UNLABELLED is labelled.")] = 2
    train_steps: Annotated[int, Ge(1), Doc("Steps of the training run of one round.")] = 1000
    frozen_statistics: Annotated[
        bool,
        Option("--frozen-statistics/--learned-statistics", panel="Recipe"),
        Doc(
            "Batch norms keep the statistics of --model, which a few selected images would replace by their own."
        ),
    ] = True
    checkpoint_every: Annotated[CheckpointEvery, Effect.EXECUTION] = 250
    seed: Annotated[int, Ge(0), Doc("Seed of every random draw.")] = 0
    clicks: Annotated[Clicks, Section("Clicks")] = Clicks()
    log: ClickLogSection = ClickLogOptions()
    selection: Annotated[Thresholds, Section("Selection")] = Thresholds()
    workers: Annotated[FlywheelWorkers, Section("Workers"), Effect.EXECUTION] = FlywheelWorkers()
    network: Annotated[EngineSettings, Section("Network", hidden=_HIDDEN_OF_NETWORK)] = EngineSettings()
    storage: StorageSection = StorageOptions()

    def __post_init__(self) -> None:
        if isinstance(self.clicks.origin, BoxCentre):
            raise ValueError(
                f"clicks {self.clicks.source!r}: a flywheel starts from nothing; label with boxes, and train on that"
            )
        check_log_options(self.clicks, self.log)

    def resolved(self) -> FlywheelSpec:
        """The same with absolute places, and with what `auto` stands for."""
        return replace(
            self,
            unlabelled=absolute(self.unlabelled),
            train_on=tuple(absolute(dataset) for dataset in self.train_on),
            evaluation=absolute(self.evaluation),
            out=absolute(self.out),
            model=self.model.resolved(),
            clicks=self.clicks.resolved(),
        )
