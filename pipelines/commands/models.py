"""The commands about models: train, convert, models."""

from __future__ import annotations

import json

import typer

from actors.specs.reading import ConvertSpec
from actors.specs.train import TrainSpec
from pipelines.commands.recipe_values import of_training
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand

_PANEL = "Models"
TRAIN = SpecCommand(TrainSpec, _PANEL, of_training)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    TRAIN.add_to(app, train)
    SpecCommand(ConvertSpec, _PANEL).add_to(app, convert)
    app.command(rich_help_panel=_PANEL)(models)


def train(spec: TrainSpec) -> None:
    """Train a click model on shards.

    For example: mfp train s3://bucket/voc s3://bucket/coco --out s3://bucket/run --validate s3://bucket/held-out
    """
    from pipelines.first_look import look_at_training

    look_at_training(spec)
    from pipelines.jobs.train import run_train
    from pipelines.progress import shown_progress

    with shown_progress("train", "steps") as on_progress:
        result = run_train(spec, on_progress)
    typer.echo(f"{result.steps:,} steps: the model is {result.model_url}")


def convert(spec: ConvertSpec) -> None:
    """Make a model file of released weights, or of a backbone to train from. Nothing in the source is run.

    For example: mfp convert mfp_vit_b.pth mfp-vit-b.safetensors
    """
    from pipelines.first_look import look_at_conversion

    look_at_conversion(spec.source, spec.out)
    from infra.storage.files import Storage
    from pipelines.jobs.convert import run_convert

    converted = run_convert(spec.source, spec.out, Storage(spec.storage))
    for line in converted.lines():
        typer.echo(line)


def models(as_json: JsonOption = False) -> None:
    """List the models that ship with this release, and the networks that can be trained."""
    from pipelines.commands.terminal import print_result
    from pipelines.jobs.model_list import list_models, list_networks, render_models, render_networks

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
