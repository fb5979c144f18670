"""The command that hands masks on: export."""

from __future__ import annotations

import json

import typer

from actors.specs.export import ExportSpec
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    SpecCommand(ExportSpec, "Data and results").add_to(app, export)


def export(spec: ExportSpec, as_json: JsonOption = False) -> None:
    """Write the masks of a run in the format of another program, and read every one back.

    For example: mfp export runs/masks --format coco --to s3://bucket/coco
    """
    from pipelines.jobs.export import run_export
    from pipelines.progress import shown_progress
    from pipelines.views.export import summary_lines

    with shown_progress("export", "objects") as on_progress:
        exported = run_export(spec, on_progress)
    if as_json:
        typer.echo(json.dumps(exported.to_json(), indent=1))
    else:
        typer.echo("\n".join(summary_lines(exported)))
