"""The commands about models: train, models."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipelines import cli_options as given
from pipelines import cli_training_options as given_training
from pipelines.options import TrainOptions

_PANEL = "Models"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for command in (train, models):
        app.command(rich_help_panel=_PANEL)(command)


def train(
    datasets: Annotated[list[str], typer.Argument(metavar="DATASET", help="Folders or URLs of shards.")],
    out: given_training.TrainingOutOption,
    model: given_training.TrainedModelOption = "lite0",
    steps: given_training.StepsOption = 4000,
    init: given_training.InitOption = None,
    crop_size: given_training.CropSizeOption = 224,
    batch_size: given_training.TrainBatchSizeOption = 8,
    checkpoint_every: given_training.CheckpointEveryOption = 250,
    loader_workers: given_training.LoaderWorkersOption = 1,
    device: given.DeviceOption = "auto",
    precision: given.PrecisionOption = "fp32",
    seed: given.SeedOption = 0,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Train a click model on shards.

    For example: mfp train s3://bucket/voc s3://bucket/coco --out runs/lite0 --steps 8000
    """
    from pipelines.progress import ProgressReport, shown_progress
    from pipelines.train import TrainedStep, run_train

    options = TrainOptions(
        datasets=tuple(datasets),
        out=out,
        model=model,
        steps=steps,
        init=init,
        crop_size=crop_size,
        batch_size=batch_size,
        checkpoint_every=checkpoint_every,
        num_loader_workers=loader_workers,
        device=device,
        precision=precision,
        seed=seed,
        storage=given.storage_options(storage_endpoint, storage_region),
    )
    with shown_progress("train", "steps") as on_progress:

        def on_step(trained: TrainedStep) -> None:
            note = f"loss {trained.loss:.3f}, IoU {trained.iou:.3f}"
            on_progress(ProgressReport(trained.step, steps, note=note))

        result = run_train(options, on_step)
    typer.echo(f"{result.steps:,} steps: the model is {result.model_url}")


def models(as_json: given.JsonOption = False) -> None:
    """List the models that ship with this release."""
    from pipelines.model_list import list_models, render_models
    from pipelines.terminal import print_result

    listed = list_models()
    if as_json:
        typer.echo(json.dumps([model.to_json() for model in listed], indent=1))
    else:
        print_result(render_models(listed))
