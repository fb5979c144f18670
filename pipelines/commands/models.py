"""The commands about models: train, convert, models, check-model."""

from __future__ import annotations

import json

import typer

from actors.specs.reading import CheckModelSpec, ConvertSpec
from actors.specs.train import TrainSpec
from pipelines.commands.recipe_values import of_training
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand
from pipelines.exit_codes import ExitCode

_PANEL = "Models"
TRAIN = SpecCommand(TrainSpec, _PANEL, of_training)


def add_to(app: typer.Typer) -> None:
    """Register the commands of this file."""
    TRAIN.add_to(app, train)
    SpecCommand(ConvertSpec, _PANEL).add_to(app, convert)
    app.command(rich_help_panel=_PANEL)(models)
    SpecCommand(CheckModelSpec, _PANEL).add_to(app, check_model)


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
    """List the models that ship with this release or come with other packages, and the networks that can be trained."""
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


def check_model(spec: CheckModelSpec, as_json: JsonOption = False) -> None:
    """Try a click model on small images: does it keep what the engine counts on? Exit code 1 if it does not.

    For example: mfp check-model python:my_package.model:factory --trust-model-code
    """
    from pipelines.first_look import look_at_check

    look_at_check(spec)
    from pipelines.commands.terminal import print_result
    from pipelines.jobs.check_model import run_check_model
    from pipelines.views.check_model import check_lines, promise_table

    found = run_check_model(spec)
    if as_json:
        typer.echo(json.dumps(found.to_json(), indent=1))
    else:
        print_result(promise_table(found))
        typer.echo("\n".join(check_lines(found)))
    if not found.check.holds:
        raise typer.Exit(ExitCode.FAILED)
