"""The command that draws single objects: show."""

from __future__ import annotations

import os

import typer

from actors.specs.reading import ShowSpec
from pipelines.commands.spec_command import SpecCommand

_TERMINAL = "-"


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    SpecCommand(ShowSpec, "Data and results").add_to(app, show)


def show(spec: ShowSpec) -> None:
    """Draw the film strip of an object: its clicks, masks and probability maps, one after the other.

    For example: mfp show runs/eval astronaut 2 --out strip.png
    """
    from infra.storage.files import Storage
    from pipelines.commands.terminal_picture import picture_escape, shows_pictures
    from pipelines.errors import OptionError
    from pipelines.inputs.output_names import check_picture_name
    from pipelines.jobs.show import run_show

    if spec.out == _TERMINAL and not shows_pictures(os.environ):
        raise OptionError(
            "--out -: this terminal is not known to show pictures (TERM, TERM_PROGRAM): give a file, --out strip.png"
        )
    if spec.out != _TERMINAL:
        check_picture_name(spec.out)
    shown = run_show(spec)
    if spec.out == _TERMINAL:
        typer.echo(picture_escape(shown.png, os.environ))
    else:
        Storage(spec.storage).write_bytes(spec.out, shown.png)
    for line in shown.lines:
        typer.echo(line, err=spec.out == _TERMINAL)
    if shown.num_left_out:
        typer.echo(f"mfp: {shown.num_left_out:,} more objects are not shown: name one of them", err=True)
    if spec.out != _TERMINAL:
        typer.echo(f"film strip: {spec.out}")
