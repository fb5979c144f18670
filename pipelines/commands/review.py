"""The commands around the review of a run: review, upgrade."""

from __future__ import annotations

import json

import typer

from actors.specs.review import ReviewSpec, UpgradeSpec
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand
from pipelines.exit_codes import ExitCode

_PANEL = "Data and results"


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    SpecCommand(ReviewSpec, _PANEL).add_to(app, review)
    SpecCommand(UpgradeSpec, _PANEL).add_to(app, upgrade)


def review(spec: ReviewSpec) -> None:
    """Look at the masks of a run in a browser: accept, reject, relabel, and correct them by clicking.

    For example: mfp review runs/masks
    """
    from pipelines.jobs.review.run import run_review

    def tell(url: str, warnings: list[str]) -> None:
        for line in warnings:
            typer.echo(f"mfp: {line}", err=True)
        typer.echo(f"open {url}\nCtrl-C ends it; every decision that the page calls saved is in the run")

    run_review(spec, tell)


def upgrade(spec: UpgradeSpec, as_json: JsonOption = False) -> None:
    """Make the masks of a run again with another model, but keep those that people have accepted or corrected.

    For example: mfp upgrade runs/masks --model run://s3://bucket/training --out runs/masks-2
    """
    from pipelines.api import upgrade as run
    from pipelines.progress import shown_progress
    from pipelines.views.upgrade import summary_lines

    with shown_progress("upgrade", "objects") as on_progress:
        upgraded = run(spec, on_progress)
    if as_json:
        typer.echo(json.dumps(upgraded.to_json(), indent=1))
    else:
        typer.echo("\n".join(summary_lines(upgraded, spec.out)))
    if upgraded.summary.errors or upgraded.summary.set_aside:
        raise typer.Exit(ExitCode.QUARANTINED)
