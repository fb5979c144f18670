"""The command that labels and trains side by side: flywheel."""

from __future__ import annotations

import typer

from actors.specs.flywheel import FlywheelSpec
from pipelines.commands.recipe_values import of_flywheel
from pipelines.commands.spec_command import SpecCommand

FLYWHEEL = SpecCommand(FlywheelSpec, "Models", of_flywheel)


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    FLYWHEEL.add_to(app, flywheel)


def flywheel(spec: FlywheelSpec) -> None:
    """Label shards, and train on the best masks while the next ones are labelled.

    For example: mfp flywheel s3://b/photos --clicks logged:s3://b/clicks --train-on s3://b/seed
    --evaluation s3://b/val --out s3://b/wheel --model lite0
    """
    from pipelines.first_look import look_at_flywheel

    look_at_flywheel(spec)
    from pipelines.commands.terminal import print_result
    from pipelines.jobs.flywheel.flywheel import run_flywheel
    from pipelines.progress import shown_progress
    from pipelines.views.flywheel import FlywheelView

    print_result(FlywheelView(run_flywheel(spec, shown_progress)))
