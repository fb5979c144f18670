"""The command that takes corrected labels back: import."""

from __future__ import annotations

import json

import typer

from actors.specs.import_labels import ImportLabelsSpec
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand
from pipelines.exit_codes import ExitCode


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    SpecCommand(ImportLabelsSpec, "Data and results").add_to(app, import_)


def import_(spec: ImportLabelsSpec, as_json: JsonOption = False) -> None:
    """Take labels that were corrected in Label Studio, CVAT or a program of COCO into the reviews of their run.

    Ends with exit code 3 if decisions that the run has are in the way. For example: mfp import project-1.json --run
    runs/masks --reviewer ada
    """
    from pipelines.jobs.import_labels import run_import_labels
    from pipelines.progress import shown_progress
    from pipelines.views.import_labels import summary_lines

    with shown_progress("import", "objects") as on_progress:
        imported = run_import_labels(spec, on_progress)
    if as_json:
        typer.echo(json.dumps(imported.to_json(), indent=1))
    else:
        typer.echo("\n".join(summary_lines(imported)))
    if imported.conflicts:
        raise typer.Exit(ExitCode.QUARANTINED)
