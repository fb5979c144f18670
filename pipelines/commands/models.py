"""The commands about models: train, convert, models."""

from __future__ import annotations

import json
from typing import Annotated

import typer

from pipelines.commands import option_values
from pipelines.commands import options as given
from pipelines.commands import training_options as given_training
from pipelines.options import TrainOptions, Workers

_PANEL = "Models"


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    for command in (train, convert, models):
        app.command(rich_help_panel=_PANEL)(command)


def train(
    datasets: given_training.DatasetsArgument,
    out: given_training.TrainingOutOption,
    model: given_training.TrainedModelOption = None,
    recipe: given_training.RecipeOption = None,
    init: given_training.InitOption = None,
    steps: given_training.StepsOption = None,
    checkpoint_every: given_training.CheckpointEveryOption = 250,
    keep: given_training.CheckpointsKeptOption = 2,
    seed: given.SeedOption = 0,
    validate: given_training.ValidateOption = None,
    validate_every: given_training.ValidateEveryOption = 1000,
    validate_samples: given_training.ValidateSamplesOption = 100,
    crop_size: given_training.CropSizeOption = None,
    batch_size: given_training.TrainBatchSizeOption = None,
    accumulate: given_training.AccumulateOption = None,
    rate: given_training.RateOption = None,
    backbone_rate: given_training.BackboneRateOption = None,
    clip: given_training.ClipOption = None,
    average: given_training.AverageOption = None,
    schedule: given_training.ScheduleOption = None,
    warm_up: given_training.WarmUpOption = None,
    decay_steps: given_training.DecayStepsOption = None,
    precision: given_training.TrainPrecisionOption = None,
    recursion_precision: given_training.RecursionPrecisionOption = None,
    modulated_map: given_training.ModulatedMapOption = None,
    late_fusion: given_training.LateFusionOption = None,
    recursive: given_training.RecursiveOption = None,
    loss_rounds: given_training.LossRoundsOption = None,
    frozen_statistics: given_training.FrozenStatisticsOption = None,
    workers: given_training.TrainWorkersOption = "1",
    cpus_per_worker: given_training.TrainCpusOption = 0.0,
    gpus_per_worker: given.GpusPerWorkerOption = 1.0,
    loader_workers: given_training.LoaderWorkersOption = 1,
    device: given.DeviceOption = "auto",
    ray_address: given.RayAddressOption = None,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Train a click model on shards.

    For example: mfp train s3://bucket/voc s3://bucket/coco --out s3://bucket/run --validate s3://bucket/held-out
    """
    from pipelines.first_look import look_at_training

    options = TrainOptions(
        datasets=tuple(datasets),
        out=out,
        model=model,
        recipe=recipe,
        init=init,
        steps=steps,
        checkpoint_every=checkpoint_every,
        checkpoints_kept=keep,
        seed=seed,
        validate=validate,
        validate_every=validate_every,
        validate_samples=validate_samples,
        crop_size=given_training.parse_crop_size(crop_size),
        batch_size=batch_size,
        accumulate=accumulate,
        rate=rate,
        backbone_rate=backbone_rate,
        clip=clip,
        average=average,
        schedule=schedule,
        warm_up=warm_up,
        decay_steps=decay_steps,
        precision=precision,
        recursion_precision=recursion_precision,
        modulated_map=modulated_map,
        late_fusion=late_fusion,
        recursive=recursive,
        loss_rounds=loss_rounds,
        frozen_statistics=frozen_statistics,
        workers=Workers(*option_values.parse_workers(workers), cpus_per_worker, gpus_per_worker),
        num_loader_workers=loader_workers,
        device=device,
        ray_address=ray_address,
        storage=given.storage_options(storage_endpoint, storage_region),
    )
    look_at_training(options)
    from pipelines.progress import shown_progress
    from pipelines.train import run_train

    with shown_progress("train", "steps") as on_progress:
        result = run_train(options, on_progress)
    typer.echo(f"{result.steps:,} steps: the model is {result.model_url}")


def convert(
    source: Annotated[
        str,
        typer.Argument(
            parser=option_values.location,
            metavar="WEIGHTS",
            help="A checkpoint of torch.save or safetensors; a path or URL.",
        ),
    ],
    out: Annotated[
        str,
        typer.Argument(
            parser=option_values.location,
            metavar="OUT.safetensors",
            help="The model file to write, a path or URL.",
        ),
    ],
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Make a model file of released weights, or of a backbone to train from. Nothing in the source is run.

    For example: mfp convert mfp_vit_b.pth mfp-vit-b.safetensors
    """
    from pipelines.first_look import look_at_conversion

    look_at_conversion(source, out)
    from infra.storage.files import Storage
    from pipelines.convert import run_convert

    converted = run_convert(source, out, Storage(given.storage_options(storage_endpoint, storage_region)))
    for line in converted.lines():
        typer.echo(line)


def models(as_json: given.JsonOption = False) -> None:
    """List the models that ship with this release, and the networks that can be trained."""
    from pipelines.commands.terminal import print_result
    from pipelines.model_list import list_models, list_networks, render_models, render_networks

    listed, networks = list_models(), list_networks()
    if as_json:
        document = {
            "models": [model.to_json() for model in listed],
            "networks": [network.to_json() for network in networks],
        }
        typer.echo(json.dumps(document, indent=1))
    else:
        print_result(render_models(listed))
        typer.echo()
        print_result(render_networks(networks))
