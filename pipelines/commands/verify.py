"""The command that checks a run: verify."""

from __future__ import annotations

import json
from typing import Annotated, Literal

import typer

from pipelines.commands import options as given
from pipelines.exit_codes import ExitCode
from pipelines.options import VerifyOptions


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    app.command(rich_help_panel="Data and results")(verify)


def verify(
    run: given.RunArgument,
    sample: Annotated[
        float,
        typer.Option("--sample", min=0, max=1, metavar="SHARE", help="Share of the objects to label again."),
    ] = 0.01,
    tolerance: Annotated[
        float,
        typer.Option(
            "--tolerance",
            min=0,
            max=1,
            metavar="SHARE",
            help="Share of an image's pixels in which a mask may come out differently, and IoUs by as much; on the "
            "processor that made it none should, on another the last bit of a map may tip some. Clicks must be equal.",
        ),
    ] = 0.0,
    seed: Annotated[int, typer.Option("--seed", min=0, metavar="N", help="Draws the objects.")] = 0,
    device: Annotated[
        Literal["cpu", "cuda"], typer.Option("--device", help="What labels them again.")
    ] = "cpu",
    as_json: given.JsonOption = False,
    storage_endpoint: given.StorageEndpointOption = None,
    storage_region: given.StorageRegionOption = None,
) -> None:
    """Check a run: its files against its commits, its rows against each other, and some objects by doing them again.

    Ends with exit code 1 where something is wrong, with 3 where shards were set aside. For example: mfp verify s3://bucket/run
    """
    from infra.storage.files import Storage
    from pipelines.first_look import look_at_runs

    options = VerifyOptions(
        run, sample, tolerance, seed, device, given.storage_options(storage_endpoint, storage_region)
    )
    look_at_runs([run], Storage(options.storage))
    from pipelines.progress import shown_progress
    from pipelines.verify import run_verify
    from pipelines.views.verify import verification_lines

    with shown_progress("verify", "shards") as on_progress:
        found = run_verify(options, on_progress)
    typer.echo(json.dumps(found.to_json(), indent=1) if as_json else "\n".join(verification_lines(found)))
    if not found.is_good:
        raise typer.Exit(ExitCode.FAILED)
    if found.set_aside:
        raise typer.Exit(ExitCode.QUARANTINED)
