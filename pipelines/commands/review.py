"""The command for people who look at a run and correct it: review."""

from __future__ import annotations

import typer

from actors.specs.review import ReviewSpec
from pipelines.commands.spec_command import SpecCommand

_PANEL = "Data and results"


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    SpecCommand(ReviewSpec, _PANEL).add_to(app, review)


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
