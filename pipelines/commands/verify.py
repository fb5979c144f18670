"""The command that checks a run: verify."""

from __future__ import annotations

import json

import typer

from actors.specs.verify import VerifySpec
from pipelines.commands.shared_options import JsonOption
from pipelines.commands.spec_command import SpecCommand
from pipelines.exit_codes import ExitCode


def add_to(app: typer.Typer) -> None:
    """Register the command of this file."""
    SpecCommand(VerifySpec, "Data and results").add_to(app, verify)


def verify(spec: VerifySpec, as_json: JsonOption = False) -> None:
    """Check a run: its files against its commits, its rows against each other, and some objects by doing them again.

    Ends with exit code 1 if something is wrong, with 3 if shards were set aside. For example: mfp verify s3://bucket/run
    """
    from infra.storage.files import Storage
    from pipelines.first_look import look_at_runs

    look_at_runs([spec.run], Storage(spec.storage))
    from pipelines.jobs.verify import run_verify
    from pipelines.progress import shown_progress
    from pipelines.views.verify import verification_lines

    with shown_progress("verify", "shards") as on_progress:
        found = run_verify(spec, on_progress)
    typer.echo(json.dumps(found.to_json(), indent=1) if as_json else "\n".join(verification_lines(found)))
    if not found.is_good:
        raise typer.Exit(ExitCode.FAILED)
    if found.set_aside:
        raise typer.Exit(ExitCode.QUARANTINED)
