"""The command that labels and trains side by side: flywheel."""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands import option_values
from pipelines.commands import options as given
from pipelines.commands import training_options as given_training
from pipelines.options import ALL_CLICKS, SIMULATED_CLICKS, FlywheelOptions, Replay, Thresholds, Workers

_PANEL = "Models"
_SELECTION = "Selection"
_WORKERS = "Workers"


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command(rich_help_panel=_PANEL)(flywheel)


def flywheel(
    unlabelled: Annotated[
        str,
        typer.Argument(
            parser=option_values.location,
            metavar="UNLABELLED",
            help="Folder or URL of the shards to label and learn from.",
        ),
    ],
    train_on: Annotated[
        list[str],
        typer.Option(
            "--train-on",
            parser=option_values.location,
            metavar="DATASET",
            help="Shards with masks to train on from the beginning; may be repeated.",
        ),
    ],
    evaluation: Annotated[
        str,
        typer.Option(
            "--evaluation",
            parser=option_values.location,
            metavar="DATASET",
            help="Shards with masks that are never trained on: NoC is measured on them before and after.",
        ),
    ],
    out: Annotated[
        str,
        typer.Option(
            "--out",
            parser=option_values.location,
            metavar="FOLDER",
            help="Folder for everything, a path or URL. Given again, it goes on.",
        ),
    ],
    model: Annotated[
        str,
        typer.Option(
            "--model",
            parser=option_values.location,
            autocompletion=given.complete_model,
            metavar="MODEL",
            help="A shipped model or a safetensors file to begin with.",
        ),
    ],
    rounds: Annotated[
        int,
        typer.Option("--rounds", min=1, metavar="N", help="Parts in which UNLABELLED is labelled."),
    ] = 2,
    clicks: given.ClicksOption = SIMULATED_CLICKS,
    max_clicks: given.LabelMaxClicksOption = None,
    min_quality: Annotated[
        float,
        typer.Option(
            "--min-quality",
            min=0.0,
            max=1.0,
            metavar="Q",
            rich_help_panel=_SELECTION,
            help="Train on masks of this quality: the IoU that the probability map expects of its mask.",
        ),
    ] = Thresholds.quality,
    min_iou: Annotated[
        float | None,
        typer.Option(
            "--min-iou",
            min=0.0,
            max=1.0,
            metavar="IOU",
            show_default="not asked for",
            rich_help_panel=_SELECTION,
            help="And of this IoU with the truth, where there is any.",
        ),
    ] = None,
    train_steps: Annotated[
        int, typer.Option("--train-steps", min=1, metavar="N", help="Steps of the training run of one round.")
    ] = 1000,
    checkpoint_every: given_training.CheckpointEveryOption = 250,
    recipe: given_training.RecipeOption = None,
    crop_size: given_training.CropSizeOption = None,
    batch_size: given_training.TrainBatchSizeOption = None,
    rate: given_training.RateOption = None,
    frozen_statistics: Annotated[
        bool,
        typer.Option(
            "--frozen-statistics/--learned-statistics",
            rich_help_panel="Recipe",
            help="Batch norms keep the statistics of --model, which a few selected images would replace by their own.",
        ),
    ] = True,
    label_workers: Annotated[
        str,
        typer.Option(
            "--label-workers",
            metavar="N|MIN:MAX",
            callback=option_values.checked_workers,
            rich_help_panel=_WORKERS,
            help="Ray actors that label.",
        ),
    ] = "1",
    train_workers: Annotated[
        str,
        typer.Option(
            "--train-workers",
            metavar="N|MIN:MAX",
            callback=option_values.checked_workers,
            rich_help_panel=_WORKERS,
            help="Ray Train workers beside them.",
        ),
    ] = "1",
    cpus_per_worker: given.CpusPerWorkerOption = 1.0,
    gpus_per_worker: given.GpusPerWorkerOption = 1.0,
    loader_workers: given_training.LoaderWorkersOption = 1,
    device: given.DeviceOption = "auto",
    flip: given.FlipOption = True,
    zoom_size: given.ZoomSizeOption = None,
    seed: given.SeedOption = 0,
    ray_address: given.RayAddressOption = None,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Label shards, and train on the best masks while the next ones are labelled.

    For example: mfp flywheel s3://b/photos --clicks logged:s3://b/clicks --train-on s3://b/seed
    --evaluation s3://b/val --out s3://b/wheel --model lite0
    """
    from pipelines.first_look import look_at_flywheel

    options = FlywheelOptions(
        unlabelled=unlabelled,
        train_on=tuple(train_on),
        evaluation=evaluation,
        out=out,
        model=model,
        rounds=rounds,
        clicks=clicks,
        max_clicks=FlywheelOptions.max_clicks if max_clicks is None else max_clicks,
        replay=Replay(ALL_CLICKS if max_clicks is None else max_clicks),
        thresholds=Thresholds(quality=min_quality, iou=min_iou),
        recipe=recipe,
        train_steps=train_steps,
        checkpoint_every=checkpoint_every,
        crop_size=given_training.parse_crop_size(crop_size),
        batch_size=batch_size,
        rate=rate,
        frozen_statistics=frozen_statistics,
        label_workers=Workers(*option_values.parse_workers(label_workers), cpus_per_worker, gpus_per_worker),
        train_workers=Workers(*option_values.parse_workers(train_workers), cpus_per_worker, gpus_per_worker),
        num_loader_workers=loader_workers,
        device=device,
        flip=flip,
        zoom_size=zoom_size,
        seed=seed,
        ray_address=ray_address,
        storage=given.storage_options(storage_endpoint, storage_region),
    )
    look_at_flywheel(options)
    from pipelines.commands.terminal import print_result
    from pipelines.flywheel.flywheel import run_flywheel
    from pipelines.views.flywheel import FlywheelView

    print_result(FlywheelView(run_flywheel(options)))
