"""The command line `mfp`: it reads options, calls the job, and prints what came out.

Everything heavy (torch, ray, pyarrow) is imported inside the commands: `mfp --help` answers at once.
"""

from __future__ import annotations

from typing import Annotated

import typer

from pipelines.commands import (
    bench,
    cluster,
    data,
    export,
    flywheel,
    import_labels,
    models,
    quality,
    review,
    show,
    verify,
)
from pipelines.commands.group import CommandGroup

# Typer loads pydantic (0.2 s) to read an option that was not given, if it has no value from elsewhere.
_FLAGS_OF_THE_GROUP = {"help": False, "install_completion": False, "show_completion": False}

app = typer.Typer(
    name="mfp",
    cls=CommandGroup,
    context_settings={"default_map": _FLAGS_OF_THE_GROUP},
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    help="Object masks from a few clicks, at scale: label, evaluate and train click models with Ray.",
    epilog="Exit codes: 0 done, 1 failed, 2 wrong usage, 3 finished without some samples or shards, "
    "4 compare: worse, certify: nothing.",
)
for commands in (
    data,
    show,
    quality,
    review,
    export,
    import_labels,
    verify,
    models,
    bench,
    flywheel,
    cluster,
):
    commands.add_to(app)


def _print_version(is_asked_for: bool) -> None:
    if is_asked_for:
        from importlib.metadata import version

        typer.echo(f"mfp {version('mfp-pipeline')}")
        raise typer.Exit


@app.callback()
def _options(
    version: Annotated[
        bool,
        typer.Option(
            "--version", is_eager=True, callback=_print_version, help="Print the version and leave."
        ),
    ] = False,
) -> None:
    pass  # what the group itself does is in its option
