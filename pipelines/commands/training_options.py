"""The options that only `mfp train` has."""

from __future__ import annotations

from typing import Annotated, Literal

import typer

from pipelines.commands.option_values import above_zero, checked_workers, location, mixed_location
from pipelines.options import TrainPrecision

_RECIPE = "Recipe"
_VALIDATION = "Validation"
_AS_RECIPE = "as the recipe says"


def complete_network(incomplete: str) -> list[str]:
    """The networks to train that begin so."""
    from mfp.models.names import TRAINABLE_NAMES

    return [name for name in TRAINABLE_NAMES if name.startswith(incomplete)]


def complete_recipe(incomplete: str) -> list[str]:
    """The shipped recipes that begin so."""
    from pipelines.inputs.recipe_names import recipe_names

    return [name for name in recipe_names() if name.startswith(incomplete)]


def parse_crop_size(text: str | None) -> tuple[int, int] | None:
    """`256` -> (256, 256), `320x480` -> (320, 480)."""
    if text is None:
        return None
    first, cross, second = text.partition("x")
    try:
        return int(first), int(second if cross else first)
    except ValueError:
        raise typer.BadParameter(f"{text!r} is neither a number of pixels nor HxW") from None


def _checked_crop_size(text: str | None) -> str | None:
    """The text itself, once `parse_crop_size` can read it."""
    parse_crop_size(text)
    return text


DatasetsArgument = Annotated[
    list[str],
    typer.Argument(
        parser=mixed_location,
        metavar="DATASET[:SHARE]",
        help="Folders or URLs of shards. With shares (s3://a:2 s3://b:1) they are mixed in that ratio.",
    ),
]
TrainedModelOption = Annotated[
    str | None,
    typer.Option(
        "--model",
        autocompletion=complete_network,
        metavar="NAME",
        show_default="the recipe's, lite0",
        help="Architecture to train: lite0, vit_b, hrnet18 or resnet34.",
    ),
]
RecipeOption = Annotated[
    str | None,
    typer.Option(
        "--recipe",
        parser=location,
        autocompletion=complete_recipe,
        metavar="NAME|FILE",
        show_default="the model's",
        help="Recipe by name (lite0, vit_b_sbd, vit_b_cocolvis, hrnet18, resnet34) or a .toml file.",
    ),
]
StepsOption = Annotated[
    int | None,
    typer.Option(
        "--steps",
        min=1,
        metavar="N",
        show_default=_AS_RECIPE,
        help="Steps in all, those before a checkpoint included.",
    ),
]
InitOption = Annotated[
    str | None,
    typer.Option(
        "--init",
        parser=location,
        metavar="WEIGHTS",
        show_default="the model's own start: ImageNet for lite0",
        help="Safetensors file to start from, a path or URL.",
    ),
]
TrainingOutOption = Annotated[
    str,
    typer.Option(
        "--out",
        parser=location,
        metavar="RUN",
        help="Folder for checkpoints, log and models, a path or URL. Given again, training goes on.",
    ),
]
CheckpointEveryOption = Annotated[
    int, typer.Option("--checkpoint-every", min=1, metavar="STEPS", help="Steps between two checkpoints.")
]
CheckpointsKeptOption = Annotated[
    int,
    typer.Option("--keep", min=1, metavar="K", help="Newest checkpoints that are kept, beside the best."),
]
LoaderWorkersOption = Annotated[
    int,
    typer.Option(
        "--loader-workers",
        min=0,
        metavar="N",
        rich_help_panel="Workers",
        help="Processes of each worker that decode and augment images; 0: it does so itself.",
    ),
]
TrainCpusOption = Annotated[
    float,
    typer.Option(
        "--cpus-per-worker",
        min=0.0,
        metavar="N",
        show_default="this machine's cores shared out; 1 on a cluster",
        rich_help_panel="Workers",
        help="Cores (and threads) of one worker.",
    ),
]
TrainWorkersOption = Annotated[
    str,
    typer.Option(
        "--workers",
        metavar="N|MIN:MAX",
        callback=checked_workers,
        rich_help_panel="Workers",
        help="Ray Train workers that share every batch; with MIN:MAX as many as there is room for.",
    ),
]
ValidateOption = Annotated[
    str | None,
    typer.Option(
        "--validate",
        parser=location,
        metavar="DATASET",
        rich_help_panel=_VALIDATION,
        help="Held-out shards on which NoC and mean IoU are measured while training.",
    ),
]
ValidateEveryOption = Annotated[
    int,
    typer.Option(
        "--validate-every",
        min=1,
        metavar="STEPS",
        rich_help_panel=_VALIDATION,
        help="Steps between two validations; the last step has one too.",
    ),
]
ValidateSamplesOption = Annotated[
    int,
    typer.Option(
        "--validate-samples",
        min=1,
        metavar="M",
        rich_help_panel=_VALIDATION,
        help="The first M samples are evaluated.",
    ),
]
CropSizeOption = Annotated[
    str | None,
    typer.Option(
        "--crop-size",
        callback=_checked_crop_size,
        metavar="PIXELS|HxW",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Training crops.",
    ),
]
TrainBatchSizeOption = Annotated[
    int | None,
    typer.Option(
        "--batch-size",
        min=1,
        metavar="N",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Crops of a step, over all workers.",
    ),
]
AccumulateOption = Annotated[
    int | None,
    typer.Option(
        "--accumulate",
        min=1,
        metavar="N",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Passes into which a worker splits its share of a step, to save memory.",
    ),
]
RateOption = Annotated[
    float | None,
    typer.Option(
        "--rate",
        parser=above_zero,
        metavar="RATE",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Learning rate.",
    ),
]
BackboneRateOption = Annotated[
    float | None,
    typer.Option(
        "--backbone-rate",
        metavar="FACTOR",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Factor on the learning rate for the backbone.",
    ),
]
ClipOption = Annotated[
    float | None,
    typer.Option(
        "--clip",
        min=0.0,
        metavar="NORM",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Largest norm of a step's gradient; 0: no limit.",
    ),
]
AverageOption = Annotated[
    float | None,
    typer.Option(
        "--average",
        metavar="DECAY",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Decay of the moving average of the weights, which is evaluated and published; 0: none.",
    ),
]
ScheduleOption = Annotated[
    Literal["cosine", "step", "stable"] | None,
    typer.Option(
        "--schedule",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Of the learning rate. A stable run can be made longer again and again, and ended by --decay-steps.",
    ),
]
WarmUpOption = Annotated[
    int | None,
    typer.Option(
        "--warm-up",
        min=0,
        metavar="STEPS",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Steps over which the learning rate grows.",
    ),
]
DecayStepsOption = Annotated[
    int | None,
    typer.Option(
        "--decay-steps",
        min=0,
        metavar="STEPS",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Last steps of a stable schedule, over which the learning rate falls.",
    ),
]
TrainPrecisionOption = Annotated[
    TrainPrecision | None,
    typer.Option(
        "--precision",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Arithmetic of the passes with gradient. auto: bf16 if a timed pass is faster here, else fp32.",
    ),
]
RecursionPrecisionOption = Annotated[
    TrainPrecision | None,
    typer.Option(
        "--recursion-precision",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Arithmetic of the passes without gradient, likewise.",
    ),
]
RecursiveOption = Annotated[
    bool | None,
    typer.Option(
        "--recursive/--no-recursive",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Clicks answer the model's own predictions over up to 24 rounds, or are drawn from the truth.",
    ),
]
ModulatedMapOption = Annotated[
    bool | None,
    typer.Option(
        "--modulated-map/--no-modulated-map",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Show the network the modulated map beside the previous one.",
    ),
]
LateFusionOption = Annotated[
    bool | None,
    typer.Option(
        "--late-fusion/--no-late-fusion",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Show the network its maps once more before the head.",
    ),
]
LossRoundsOption = Annotated[
    Literal["last", "all"] | None,
    typer.Option(
        "--loss-rounds",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="The loss is that of the last round, or the mean over all.",
    ),
]
FrozenStatisticsOption = Annotated[
    bool | None,
    typer.Option(
        "--frozen-statistics/--learned-statistics",
        show_default=_AS_RECIPE,
        rich_help_panel=_RECIPE,
        help="Batch norms keep the statistics of --init: for going on from a trained model on few images.",
    ),
]
